// Takes the place of what <iostream>, which Abseil includes, runs before main
// in every file: the construction of std::cout and its like, with the locales
// of the C++ library behind them. reinit writes with write(2); this is 0.6 MB
// of its size and a tenth of the time that it adds to a start.
//
// The linker sends the calls here (--wrap in BUILD.bazel). It also looks for
// __wrap__ZSt4cout instead of std::cout, and so on, which nobody defines: to
// use a stream that is not constructed is an error at link time.

extern "C" {
// std::ios_base::Init::Init() and ~Init(), up to g++ 12.
void __wrap__ZNSt8ios_base4InitC1Ev(void*) {}
void __wrap__ZNSt8ios_base4InitD1Ev(void*) {}
// Each of these files then registers that for the exit, which is nothing to do.
// Weak, as an unoptimised build wraps nothing.
[[gnu::weak]] int __real___cxa_atexit(void (*call)(void*), void* object,
                                      void* program);
int __wrap___cxa_atexit(void (*call)(void*), void* object, void* program) {
  if (call == __wrap__ZNSt8ios_base4InitD1Ev) return 0;
  return __real___cxa_atexit(call, object, program);
}
// From g++ 13 on a mere reference brings them in.
void __wrap__ZSt21ios_base_library_initv() {}
}
