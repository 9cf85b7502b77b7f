#include "supervisor/strategy/strategies.h"

#include <algorithm>

namespace reinit {

void Strategies::Start(const Strategy::WakeFn& wake) {
  for (const auto& one : all_) one->Start(wake);
}

std::optional<Reason> Strategies::ShouldRestart(const InstanceView& view) {
  for (const auto& one : all_) {
    if (auto reason = one->ShouldRestart(view)) return reason;
  }
  return std::nullopt;
}

std::optional<std::string> Strategies::MustEnd() {
  for (const auto& one : all_) {
    if (auto why = one->MustEnd()) return why;
  }
  return std::nullopt;
}

bool Strategies::Ready() const {
  const auto decides = [](const auto& one) { return one->DecidesReady(); };
  const bool one_decides = std::any_of(all_.begin(), all_.end(), decides);
  return std::all_of(all_.begin(), all_.end(), [&](const auto& one) {
    return (one_decides && !decides(one)) || one->Ready();
  });
}

void Strategies::Prepare(LaunchExtras* launch) {
  for (const auto& one : all_) one->Prepare(launch);
}

void Strategies::OnInstance(const InstanceView& view) {
  for (const auto& one : all_) one->OnInstance(view);
}

void Strategies::OnNotify(const NotifyMessage& message) {
  for (const auto& one : all_) one->OnNotify(message);
}

std::vector<std::string_view> Strategies::Names() const {
  std::vector<std::string_view> names;
  for (const auto& one : all_) names.push_back(one->name());
  return names;
}

std::vector<CheckStatus> Strategies::Checks() const {
  std::vector<CheckStatus> checks;
  for (const auto& one : all_) one->AddChecks(&checks);
  return checks;
}

}  // namespace reinit
