// Makes the trees that the tests of Tree have in common.
#ifndef REINIT_SUPERVISOR_WATCH_TREE_SAMPLE_TREE_H_
#define REINIT_SUPERVISOR_WATCH_TREE_SAMPLE_TREE_H_

#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "supervisor/watch/filter/compare.h"
#include "supervisor/watch/filter/filter.h"
#include "supervisor/watch/tree/announcer.h"
#include "supervisor/watch/tree/tree.h"
#include "supervisor/watch/watched_folder.h"

namespace reinit {

inline std::unique_ptr<Tree> ScannedTree(
    std::vector<std::string> roots, size_t max_open = 1000,
    const std::vector<std::string>& extensions = {},
    Announcer* announcer = nullptr,
    WatchCompare compare = WatchCompare::kAuto) {
  auto tree = std::make_unique<Tree>(
      Tree::Options{.roots = std::move(roots),
                    .filter = Filter({.extensions = extensions}),
                    .compare = compare,
                    .announcer = announcer,
                    .max_open_directories = max_open});
  tree->Scan();
  EXPECT_FALSE(tree->findings().changed());
  return tree;
}

// Six files: what leads into the volume counts where it leads.
inline void MakeSampleTree(const WatchedFolder& folder) {
  folder.Write("app.py", "1");
  folder.Write("notes.txt", "1");
  folder.MakeDirectory("src/deep");
  folder.Write("src/a.py", "1");
  folder.Write("src/b.py", "1");
  folder.Write("src/deep/c.py", "1");
  // As the kubelet lays a ConfigMap out.
  folder.MakeDirectory("conf/..v1");
  folder.Write("conf/..v1/key", "1");
  folder.Link("..v1", "conf/..data");
  folder.Link("..data/key", "conf/key");
}

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_WATCH_TREE_SAMPLE_TREE_H_
