// System calls without a C library, and the ELF entry.
#ifndef REINIT_REAPER_FIRST_ACT_RAW_CALLS_H_
#define REINIT_REAPER_FIRST_ACT_RAW_CALLS_H_

#include <linux/sched.h>
#include <signal.h>
#include <sys/syscall.h>

// For first_act.cc alone: this defines the entry.
//
// Call makes a system call; a negative result is a negative errno.
//
// Vfork runs child(argument), which must not return, in a process that shares
// this one's memory. Returns the pid, or a negative errno, once that process
// has executed a program or ended. The child's stack begins 256 bytes below the
// caller's, whose frame and red zone stay as they are.
//
// ReinitEntry calls ReinitFirstAct with the stack that the kernel made, and
// goes to _start with the registers and the stack that it was given.
extern "C" void ReinitFirstAct(long* stack);

namespace reinit {

constexpr int kVfork = CLONE_VM | CLONE_VFORK | SIGCHLD;

template <typename T>
long Address(T* pointer) {
  return reinterpret_cast<long>(pointer);
}

#if defined(__x86_64__)

inline long Call(long number, long a = 0, long b = 0, long c = 0, long d = 0,
                 long e = 0) {
  long answer;
  register long r10 asm("r10") = d;
  register long r8 asm("r8") = e;
  asm volatile("syscall"
               : "=a"(answer)
               : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8)
               : "rcx", "r11", "memory");
  return answer;
}

inline long Vfork(void (*child)(void*), void* argument) {
  long answer;
  asm volatile(
      "lea -256(%%rsp), %%rsi\n\t"
      "and $-16, %%rsi\n\t"
      "xor %%edx, %%edx\n\t"
      "xor %%r10d, %%r10d\n\t"
      "xor %%r8d, %%r8d\n\t"
      "syscall\n\t"
      "test %%rax, %%rax\n\t"
      "jnz 1f\n\t"
      "mov %[argument], %%rdi\n\t"
      "call *%[child]\n\t"
      "hlt\n"
      "1:"
      : "=a"(answer)
      : "a"(SYS_clone),
        "D"(kVfork), [child] "r"(child), [argument] "r"(argument)
      : "rcx", "rdx", "rsi", "r8", "r10", "r11", "memory", "cc");
  return answer;
}

asm(R"(
    .text
    .globl ReinitEntry
    .type ReinitEntry, @function
ReinitEntry:
    xor %ebp, %ebp
    mov %rsp, %rbx
    mov %rdx, %r12
    mov %rsp, %rdi
    and $-16, %rsp
    call ReinitFirstAct
    mov %rbx, %rsp
    mov %r12, %rdx
    jmp _start
    .size ReinitEntry, . - ReinitEntry
)");

#elif defined(__aarch64__)

inline long Call(long number, long a = 0, long b = 0, long c = 0, long d = 0,
                 long e = 0) {
  register long x8 asm("x8") = number;
  register long x0 asm("x0") = a;
  register long x1 asm("x1") = b;
  register long x2 asm("x2") = c;
  register long x3 asm("x3") = d;
  register long x4 asm("x4") = e;
  asm volatile("svc 0"
               : "+r"(x0)
               : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4)
               : "memory", "cc");
  return x0;
}

inline long Vfork(void (*child)(void*), void* argument) {
  register long x8 asm("x8") = SYS_clone;
  register long x0 asm("x0") = kVfork;
  asm volatile(
      "sub x1, sp, #256\n\t"
      "mov x2, xzr\n\t"
      "mov x3, xzr\n\t"
      "mov x4, xzr\n\t"
      "svc 0\n\t"
      "cbnz x0, 1f\n\t"
      "mov x0, %[argument]\n\t"
      "blr %[child]\n\t"
      "brk #0\n"
      "1:"
      : "+r"(x0)
      : "r"(x8), [child] "r"(child), [argument] "r"(argument)
      : "x1", "x2", "x3", "x4", "x30", "memory", "cc");
  return x0;
}

asm(R"(
    .text
    .globl ReinitEntry
    .type ReinitEntry, %function
ReinitEntry:
    mov x29, xzr
    mov x30, xzr
    mov x19, sp
    mov x20, x0
    mov x0, sp
    bl ReinitFirstAct
    mov sp, x19
    mov x0, x20
    b _start
    .size ReinitEntry, . - ReinitEntry
)");

#else
#error "the first act knows x86-64 and arm64: build with --define first_act=off"
#endif

}  // namespace reinit

#endif  // REINIT_REAPER_FIRST_ACT_RAW_CALLS_H_
