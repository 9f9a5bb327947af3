# Makes links of kinds that the addon does not attach, and pins them: bpf(2) with BPF_LINK_CREATE.
import ctypes
import json
import os
import platform
import struct
import sys

BPF_OBJ_PIN, BPF_OBJ_GET, BPF_RAW_TRACEPOINT_OPEN, BPF_LINK_CREATE = 6, 7, 17, 28
NUMBER = {"x86_64": 321, "aarch64": 280}[platform.machine()]
libc = ctypes.CDLL(None, use_errno=True)


def bpf(command, attributes):
    buffer = ctypes.create_string_buffer(attributes, 128)
    result = libc.syscall(NUMBER, command, buffer, 128)
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def text(value):
    return ctypes.create_string_buffer(value.encode())


def pinned(path):
    name = text(path)
    return bpf(BPF_OBJ_GET, struct.pack("QII", ctypes.addressof(name), 0, 0))


for wanted in json.load(sys.stdin):
    program = pinned(wanted["program"])
    try:
        if "tracepoint" in wanted:
            name = text(wanted["tracepoint"])
            address = ctypes.addressof(name) if wanted["tracepoint"] else 0
            link = bpf(BPF_RAW_TRACEPOINT_OPEN, struct.pack("QI", address, program))
        else:
            target = wanted.get("ifindex", 0)
            if "target" in wanted:
                target = os.open(wanted["target"], os.O_RDONLY)
            info = b""
            if "map" in wanted:
                info = struct.pack("IIII", pinned(wanted["map"]), 0, 0, 0)
            elif "cgroup" in wanted:
                info = struct.pack("IIQ", wanted["order"], os.open(wanted["cgroup"], os.O_RDONLY), 0)
            elif "tid" in wanted:
                info = struct.pack("IIII", wanted["tid"], 0, 0, 0)
            room = ctypes.create_string_buffer(info, max(len(info), 1))
            extra = struct.pack("QI", ctypes.addressof(room), len(info)) if info else b""
            link = bpf(BPF_LINK_CREATE, struct.pack("IIII", program, target, wanted["attachType"], 0) + extra)
        path = text(wanted["pin"])
        bpf(BPF_OBJ_PIN, struct.pack("QII", ctypes.addressof(path), link, 0))
    except OSError as failure:
        sys.exit(f"{wanted}: {failure}")
