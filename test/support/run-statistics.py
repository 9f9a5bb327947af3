# Makes the kernel count the runs of programs for as long as this process lives: bpf(2) with BPF_ENABLE_STATS. Says so in a line,
# then waits for the end of its input.
import ctypes
import os
import platform
import struct
import sys

BPF_ENABLE_STATS, BPF_STATS_RUN_TIME = 32, 0
NUMBER = {"x86_64": 321, "aarch64": 280}[platform.machine()]
libc = ctypes.CDLL(None, use_errno=True)
attributes = ctypes.create_string_buffer(struct.pack("I", BPF_STATS_RUN_TIME), 128)
if libc.syscall(NUMBER, BPF_ENABLE_STATS, attributes, 128) < 0:
    sys.exit(os.strerror(ctypes.get_errno()))
print("counting", flush=True)
sys.stdin.read()
