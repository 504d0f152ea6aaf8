// From where a boot loader leaves the processor (Multiboot 1: 32-bit mode, no paging) to 64-bit mode, and the way in for system calls.

.section .multiboot, "a"
.align 4
multiboot:
  .long 0x1badb002, 0, -0x1badb002

.section .bss
.align 4096
level4: .skip 4096
level3: .skip 4096
level2: .skip 4 * 4096
.align 64
stack: .skip 65536
stackEnd:
callersStack: .skip 8

.section .rodata
.align 8
segments: // none, code, data
  .quad 0, 0x00af9a000000ffff, 0x00cf92000000ffff
segmentsEnd:
segmentTable:
  .word segmentsEnd - segments - 1
  .long segments

.text
.code32
.global start
start:
  cli
  // Each address of the first 4 GB is itself, in pages of 2 MB.
  movl $level3 + 3, level4
  movl $level2 + 3, level3
  movl $level2 + 4096 + 3, level3 + 8
  movl $level2 + 2 * 4096 + 3, level3 + 16
  movl $level2 + 3 * 4096 + 3, level3 + 24
  xorl %ecx, %ecx
1:
  movl %ecx, %eax
  shll $21, %eax
  orl $0x83, %eax // present, writable, large
  movl %eax, level2(, %ecx, 8)
  incl %ecx
  cmpl $2048, %ecx
  jne 1b
  movl $level4, %eax
  movl %eax, %cr3
  movl $0x40620, %eax // physical address extension, SSE and its exceptions, XSAVE
  movl %eax, %cr4
  movl $0xc0000080, %ecx // EFER: 64-bit mode, system calls
  rdmsr
  orl $0x101, %eax
  wrmsr
  movl $0x80000033, %eax // paging, protected mode, an FPU with exceptions of its own
  movl %eax, %cr0
  lgdt segmentTable
  ljmp $8, $1f
.code64
1:
  movl $16, %eax
  movl %eax, %ds
  movl %eax, %es
  movl %eax, %ss
  movl $stackEnd, %esp
  movl %ebx, %edi
  call boot

/// As Linux does it: number in rax, the first three arguments in rdi, rsi and rdx; only rax, rcx and r11 change. A stack of its own, since
/// functions use what is below theirs.
.global systemCall
systemCall:
  movq %rsp, callersStack
  movq $stackEnd, %rsp
  pushq %rcx
  pushq %r11
  pushq %rdi
  pushq %rsi
  pushq %rdx
  pushq %r8
  pushq %r9
  pushq %r10
  movq %rdx, %rcx
  movq %rsi, %rdx
  movq %rdi, %rsi
  movq %rax, %rdi
  call answer
  popq %r10
  popq %r9
  popq %r8
  popq %rdx
  popq %rsi
  popq %rdi
  popq %r11
  popq %rcx
  movq callersStack, %rsp
  pushq %r11
  popfq
  jmp *%rcx

.global exception
exception:
  movq (%rsp), %rdi
  movq 8(%rsp), %rsi
  movq $stackEnd, %rsp
  call end
