#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""bench-server.py [--quick] [--out FILE] [--only NAMES]: Barid beside Postfix and OpenSMTPD.

All servers run in one go, on the same disk, on loopback, medians of three. Needs root (the
peers' mount namespaces, perf), apt (to unpack them) and an optimised build in $BARID_BUILD
with tests/bench/smtp-load. Prints a table; profiles are left in .cache/bench. (NAMES) is a
comma list of: cpu, delivery, calls, wait, idle, index."""
import argparse
import glob
import os
import re
import statistics
import subprocess
import threading
import time

from measure import BUILD, CACHE, ROUNDS, Sources, Table, profile, share_of
from servers import Barid, OpenSmtpd, Postfix, Sink, raise_file_limit
from unpacked import list_tree, read

HOLD = "[queue]\nconcurrency = 0\n"
TURNS = 7
PARTS = ["cpu", "delivery", "calls", "wait", "idle", "index"]


# --- CPU time ---

def measure_cpu(peer, sources, messages, kept):
    seconds = []
    if not kept:
        messages = min(messages, peer.own_max)
    sources.source_run(peer.port, messages // 10, kept)
    for _ in range(ROUNDS):
        peer.settle()
        count, before = peer.count(), peer.cpu()
        sources.source_run(peer.port, messages, kept)
        peer.settle()
        assert peer.count() in (None, (count or 0) + messages), f"{peer.name} lost messages"
        seconds.append((peer.cpu() - before) * 1000 / messages)
    return statistics.median(seconds)


def bench_cpu(table, sources, options):
    for kept, what, goal in ((True, "kept connections", share_of(0.05, 0.67)),
                             (False, "own connections", share_of(0.10, 0.88))):
        peers = {}
        with Barid(HOLD) as barid:
            ours = measure_cpu(barid, sources, options.messages, kept)
            profile(barid.pid, "kept" if kept else "own",
                    lambda: sources.source_run(barid.port, options.messages, kept))
        for peer_class in options.peers:
            with peer_class() as peer:
                peers[peer.name] = measure_cpu(peer, sources, options.messages // 4, kept)
        table.add(f"CPU seconds per 1000 accepted, {what}", ours, peers, goal)
        # What the dialogue alone costs here: a server that reads commands, answers, and
        # forgets. Nobody who stores mail can be below it.
        with Sink(sources) as sink:
            floor = measure_cpu(sink, sources, options.messages, kept)
        table.add(f"the same of smtp-sink, which keeps nothing, {what}", floor, {}, "")


def bench_delivery(table, sources, options):
    seconds = []
    with Barid() as barid:
        for _ in range(ROUNDS):
            before = barid.cpu()
            sources.source_run(barid.port, options.messages, True)
            barid.server.wait_queue_empty(120)
            barid.settle()
            seconds.append((barid.cpu() - before) * 1000 / options.messages)
        profile(barid.pid, "delivery",
                lambda: (sources.source_run(barid.port, options.messages, True),
                         barid.server.wait_queue_empty(120)))
    table.add("CPU seconds per 1000 accepted and delivered to Maildir, kept",
              statistics.median(seconds), {}, "")


# --- system calls ---

def count_calls(peer, sources, messages, kept):
    """Counted in the kernel for the whole tree, so that batches stay as they are."""
    pids = ",".join(str(pid) for pid in list_tree(peer.pid))
    out = os.path.join(CACHE, "calls")
    perf = subprocess.Popen(["perf", "stat", "-x", ",", "-e", "raw_syscalls:sys_enter", "-o", out,
                             "-p", pids])
    time.sleep(0.5)
    sources.source_run(peer.port, messages, kept)
    perf.send_signal(2)
    perf.wait()
    for line in read(out).splitlines():
        if "sys_enter" in line:
            return int(line.split(",")[0]) / messages
    return 0


def bench_calls(table, sources, options):
    for kept in (True, False):
        values = {}
        for make in (lambda: Barid(HOLD), *options.peers):
            with make() as peer:
                messages = options.messages // 4 if kept else min(options.messages // 4,
                                                                  peer.own_max)
                sources.source_run(peer.port, 50, kept)  # their processes are there now
                values[peer.name] = statistics.median(
                    count_calls(peer, sources, messages, kept) for _ in range(ROUNDS))
        table.add(f"system calls per accepted message, {'kept' if kept else 'own'} connections",
                  values.pop("Barid"), values, "< 30")


# --- waiting time ---

def bench_wait(table, sources, options):
    p50, p99, rate = {}, {}, {}
    for make in (lambda: Barid(HOLD), *options.peers):
        with make() as peer:
            sources.load_run(peer.port, 500, 100)
            results = [sources.load_run(peer.port, options.messages // 2, 100)
                       for _ in range(ROUNDS)]
            rate[peer.name], p50[peer.name], p99[peer.name] = (
                statistics.median(column) for column in zip(*results))
    table.add("p50 of the final reply, 20 sessions", p50.pop("Barid"), p50, "", "ms")
    table.add("p99 of the final reply, 20 sessions", p99.pop("Barid"), p99, share_of(3, 14.7), "ms")
    print("# messages a second:", {name: round(value) for name, value in rate.items()})


# --- idle sessions ---

def pss_kib(pid):
    total = 0
    for each in list_tree(pid):
        found = re.search(r"^Pss:\s+(\d+)", read(f"/proc/{each}/smaps_rollup"), re.M)
        total += int(found.group(1)) if found else 0
    return total


def measure_idle(barid, sources, count, how, settle_seconds):
    before = pss_kib(barid.pid)
    process = sources.idle(barid.port, count, how)
    # Stacks are given back when a session has said nothing for a while.
    time.sleep(settle_seconds)
    return process, (pss_kib(barid.pid) - before) / count


def measure_rates(servers, sources):
    """Messages a second and CPU seconds for 1000, a list for each server. They take turns, so
    that what else the machine does touches all."""
    rates, seconds = [[] for _ in servers], [[] for _ in servers]
    for _ in range(TURNS):
        for number, barid in enumerate(servers):
            before = barid.cpu()
            rates[number].append(sources.load_run(barid.port, 8000, 20)[0])
            seconds[number].append((barid.cpu() - before) / 8)
    return [[statistics.median(each) for each in lists] for lists in (rates, seconds)]


def bench_idle_plain(table, sources, options):
    with Barid(HOLD) as alone, Barid(HOLD) as beside:
        for barid in alone, beside:
            sources.load_run(barid.port, 2000, 1)
        process, each = measure_idle(beside, sources, options.idle, "plain", 8)
        table.add(f"PSS per idle session, {options.idle} in the clear", each, {}, "< 10 KiB", "KiB")
        rates, seconds = measure_rates((alone, beside), sources)
        process.kill()
        process.wait()
        table.add(f"accept rate beside {options.idle} idle sessions, of that alone",
                  rates[1] / rates[0], {}, "no effect")
        table.add(f"CPU time per message beside {options.idle} idle sessions, of that alone",
                  seconds[1] / seconds[0], {}, "no effect")


def bench_idle(table, sources, options):
    bench_idle_plain(table, sources, options)
    with Barid(HOLD) as barid:
        sources.load_run(barid.port, 2000, 1)
        process, each = measure_idle(barid, sources, options.idle // 5, "tls", 8)
        table.add(f"PSS per idle session, {options.idle // 5} with TLS", each, {}, "< 30 KiB",
                  "KiB")
        process.kill()
        process.wait()


# --- the index and its replay ---

def heap_kib(pid):
    found = re.search(r"^RssAnon:\s+(\d+)", read(f"/proc/{pid}/status"), re.M)
    return int(found.group(1))


def wait_status(barid, test, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        done = barid.server.ctl_raw("status", "--json")
        if done.returncode == 0 and test(done.stdout):
            return time.monotonic()
    raise RuntimeError("the server's status did not come to what was awaited")


def measure_start(barid, sources):
    """Seconds from the start to listening, the first accepted message, the end of replay."""
    times = {}
    start = time.monotonic()

    def send_first():
        while True:
            try:
                sources.load_run(barid.server.port, 1, 1)
                times["first"] = time.monotonic() - start
                return
            except subprocess.CalledProcessError:
                time.sleep(0.005)

    sender = threading.Thread(target=send_first)
    sender.start()
    barid.server.start()
    times["ready"] = time.monotonic() - start
    times["replayed"] = wait_status(
        barid, lambda text: re.search(rb'"replaying":\s*false', text)) - start
    sender.join()
    barid.pid = barid.server.process.pid
    return times


def bench_index(table, sources, options):
    with Barid(HOLD) as barid:
        sources.load_run(barid.port, 2000, 100)
        barid.settle()
        worker = barid.server.worker_pid()
        before = heap_kib(worker)
        sources.load_run(barid.port, options.queued, 1000)
        barid.settle()
        each = (heap_kib(worker) - before) * 1024 / options.queued
        table.add(f"index per queued message, {options.queued} of 4 KiB", each, {}, "< 400", "bytes")
        results = []
        for _ in range(ROUNDS):
            barid.server.stop()
            results.append(measure_start(barid, sources))
        count = barid.count()
        assert count >= options.queued + 2000, "messages are missing after the replay"
        for key, what, goal in (("ready", "start to the answer to status", ""),
                                ("first", "start to the first accepted message", ""),
                                ("replayed", "start to the end of the replay", "< 2 s")):
            table.add(f"{what}, {count} queued",
                      statistics.median(result[key] for result in results), {}, goal, "s")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--out")
    parser.add_argument("--no-peers", action="store_true")
    parser.add_argument("--only", default=",".join(PARTS))
    options = parser.parse_args()
    options.messages = 4000 if options.quick else 16000
    options.idle = 2000 if options.quick else 10000
    options.queued = 20000 if options.quick else 100000
    options.peers = [] if options.no_peers else [Postfix, OpenSmtpd]
    raise_file_limit()
    os.makedirs(CACHE, exist_ok=True)
    sources = Sources()
    table = Table()
    for part in options.only.split(","):
        globals()["bench_" + part](table, sources, options)
    text = table.text()
    for path in sorted(glob.glob(os.path.join(CACHE, "profile-*.txt"))):
        text += f"\n{os.path.basename(path)[8:-4]}: {read(path)}"
    if options.out:
        with open(options.out, "w", encoding="utf-8") as file:
            file.write(text)


if __name__ == "__main__":
    main()
