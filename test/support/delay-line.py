# Joins two interfaces by a wire that takes its time: delay-line.py ONE OTHER MILLISECONDS. Each line of standard input is another
# delay. Frames keep their order in each direction, also when the delay becomes shorter. Where the kernel has no netem.

import collections
import select
import socket
import sys
import time

ETH_P_ALL = 3
PACKET_OUTGOING = 4


def open_packet(name):
    made = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
    made.bind((name, 0))
    made.setblocking(False)
    return made


ends = [open_packet(name) for name in sys.argv[1:3]]
delay = float(sys.argv[3]) / 1000
# Frames of each direction with when they are due.
queues = {0: collections.deque(), 1: collections.deque()}
print("ready", flush=True)

while True:
    now = time.monotonic()
    for to, queue in queues.items():
        while queue and queue[0][0] <= now:
            ends[to].send(queue.popleft()[1])
    due = min((queue[0][0] for queue in queues.values() if queue), default=now + 1)
    readable, _, _ = select.select([*ends, sys.stdin], [], [], max(0, due - time.monotonic()))
    if sys.stdin in readable:
        line = sys.stdin.readline()
        if not line:
            break
        delay = float(line) / 1000
    for at, end in enumerate(ends):
        if end not in readable:
            continue
        while True:
            try:
                frame, source = end.recvfrom(65535)
            except BlockingIOError:
                break
            if source[2] == PACKET_OUTGOING:
                continue
            queue = queues[1 - at]
            last = queue[-1][0] if queue else 0
            queue.append((max(last, time.monotonic() + delay), frame))
