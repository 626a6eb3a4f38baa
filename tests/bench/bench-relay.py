#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""bench-relay.py [--quick] [--out FILE] [--only NAMES] [--no-peers]: relayed mail, Barid
beside Postfix and OpenSMTPD.

End to end: taken over SMTP, queued, delivered over SMTP to a sink that counts. CPU time is
that of all processes of the server; the client and the sink are not counted. All servers
run in one go, on the same disk, on loopback, medians of three. Needs what bench-server.py
needs, and tests/bench/smtp-count; nothing may listen on port 25. (NAMES) is a comma list
of: relay, large, many, tls, beside, restart."""
import argparse
import contextlib
import glob
import os
import statistics
import subprocess
import threading
import time

from measure import CACHE, ROUNDS, Sources, Table, profile, share_of
from relays import CountingSink, RelayBarid, RelayOpenSmtpd, RelayPostfix
from servers import raise_file_limit, read

PARTS = ["relay", "large", "many", "tls", "beside", "restart"]
LARGE = 100 * 1024
KEPT = 1000  # messages a connection
PLACES = 1000  # hosts that refuse
TURNS = 15  # of the server alone and the one beside deferred mail
RESTART_RETRY = 10  # seconds


def run_relay(peer, sources, sink, messages, each, words, size):
    """One round: (CPU seconds for 1000, messages a second)."""
    peer.settle()
    sink.ask()
    before, start = peer.cpu(), time.monotonic()
    sources.load_run(peer.port, messages, each, *words, size=size)
    _, last = sink.wait(messages)
    peer.settle()
    return (peer.cpu() - before) * 1000 / messages, messages / (last - start)


def measure_relay(peer, sources, sink, messages, each=KEPT, words=(), size=4096):
    run_relay(peer, sources, sink, max(messages // 10, 50), each, words, size)
    rounds = [run_relay(peer, sources, sink, messages, each, words, size) for _ in range(ROUNDS)]
    return tuple(statistics.median(column) for column in zip(*rounds))


def bench_row(table, sources, options, name, what, goal, messages, **how):
    peers, rates = {}, {}
    with CountingSink() as sink:
        with RelayBarid(sink, options.retry) as barid:
            ours, rates["Barid"] = measure_relay(barid, sources, sink, messages, **how)
            profile(barid.pid, "relay-" + name,
                    lambda: run_relay(barid, sources, sink, messages, how.get("each", KEPT),
                                      how.get("words", ()), how.get("size", 4096)))
        for peer_class in options.peers:
            count = max(messages // peer_class.share, 20)
            try:
                with peer_class(sink, options.retry) as peer:
                    peers[peer.name], rates[peer.name] = measure_relay(peer, sources, sink,
                                                                       count, **how)
            except (RuntimeError, subprocess.CalledProcessError) as error:
                print(f"# {peer_class.name}, {what}: {error}", flush=True)
    table.add(f"CPU seconds per 1000 relayed, {what}", ours, peers, goal)
    print("# messages a second:", {key: round(rate) for key, rate in rates.items()},
          flush=True)


def bench_relay(table, sources, options):
    bench_row(table, sources, options, "small", "4 KiB", share_of(0.15, 1.82), options.messages)


def bench_large(table, sources, options):
    bench_row(table, sources, options, "large", "100 KiB", share_of(0.35, 2.7),
              options.messages // 4, size=LARGE)


def bench_many(table, sources, options):
    bench_row(table, sources, options, "many", "50 recipients", share_of(0.60, 6.8),
              options.messages // 8, words=("recipients=50",))


# --- accepting with TLS ---

def measure_tls(peer, sources, messages):
    peer.settle()
    before = peer.cpu()
    sources.load_run(peer.port, messages, 1, "tls")
    peer.settle()
    return (peer.cpu() - before) * 1000 / messages


def bench_tls(table, sources, options):
    """Accepted only; a handshake for each message. They take turns, so that what else the machine
    does touches all."""
    with contextlib.ExitStack() as stack:
        sink = stack.enter_context(CountingSink())
        barid = stack.enter_context(RelayBarid(sink, options.retry, hold=True))
        # Of OpenSMTPD a new connection is answered after a second, now and then.
        peers = {kind.name: stack.enter_context(kind(sink, options.retry, hold=True))
                 for kind in options.peers if kind is not RelayOpenSmtpd}
        counts = {barid: options.messages // 4} | {peer: options.messages // 20
                                                   for peer in peers.values()}
        for server in counts:
            measure_tls(server, sources, max(counts[server] // 10, 20))
        rounds = [{server: measure_tls(server, sources, counts[server]) for server in counts}
                  for _ in range(ROUNDS)]
        medians = {server: statistics.median(one[server] for one in rounds) for server in counts}
        profile(barid.pid, "starttls",
                lambda: sources.load_run(barid.port, options.messages // 4, 1, "tls"))
    table.add("CPU seconds per 1000 accepted, STARTTLS, P-256, own connections", medians[barid],
              {name: medians[peer] for name, peer in peers.items()}, share_of(0.35, 2.0))


# --- beside deferred mail ---

def measure_beside(alone, laden, sources, sinks, messages):
    """(ratio of rates, ratio of CPU seconds, laden to alone), medians of what each turn gave:
    what else the machine does touches both halves of it, and each goes first in every other."""
    pairs = list(zip((alone, laden), sinks))
    rates, cpus = [], []
    for turn in range(TURNS + 1):
        order = pairs if turn % 2 == 0 else pairs[::-1]
        took = {peer: run_relay(peer, sources, sink, messages, KEPT, (), 4096)
                for peer, sink in order}
        cpus.append(took[laden][0] / took[alone][0])
        rates.append(took[laden][1] / took[alone][1])
    return statistics.median(rates[1:]), statistics.median(cpus[1:])


def compare_beside(peer_class, sources, options, messages, count):
    with CountingSink() as first, CountingSink() as second, \
            peer_class(first, options.retry) as alone, \
            peer_class(second, options.retry) as laden:
        sources.load_run(laden.port, count, KEPT, f"places={PLACES}", size=1024)
        laden.wait_idle()
        ratios = measure_beside(alone, laden, sources, (first, second), messages)
        if peer_class is RelayBarid:
            assert laden.count() == count, laden.count()
            profile(laden.pid, "beside", lambda: run_relay(laden, sources, second, messages,
                                                           KEPT, (), 4096))
        return ratios


def bench_beside(table, sources, options):
    rates, seconds = {}, {}
    for peer_class in (RelayBarid, *options.peers):
        messages, count = options.messages, options.deferred
        if peer_class is not RelayBarid:
            messages, count = messages // peer_class.share, options.peers_deferred
        try:
            rates[peer_class.name], seconds[peer_class.name] = compare_beside(
                peer_class, sources, options, messages, count)
        except (RuntimeError, subprocess.CalledProcessError) as error:
            print(f"# {peer_class.name} beside deferred mail: {error}", flush=True)
    what = (f"beside {options.deferred} deferred to {PLACES} hosts, retried every "
            f"{options.retry} s (peers: {options.peers_deferred})")
    table.add(f"rate of fresh mail {what}, of that alone", rates.pop("Barid"), rates, "> 0.95")
    table.add(f"CPU time of fresh mail {what}, of that alone", seconds.pop("Barid"), seconds, "")


def send_first(sources, port):
    while True:
        try:
            sources.load_run(port, 1, 1)
            return
        except subprocess.CalledProcessError:
            time.sleep(0.005)


def wait_replayed(barid):
    """Until all is counted, and what was delivered is not any more."""
    while barid.server.ctl("status")["replaying"]:
        time.sleep(0.1)
    barid.settle()


def bench_restart(table, sources, options):
    """All that waits is due when the server comes back."""
    seconds = []
    with CountingSink() as sink, RelayBarid(sink, RESTART_RETRY) as barid:
        sources.load_run(barid.port, options.deferred, KEPT, f"places={PLACES}", size=1024)
        barid.wait_idle(seconds=60)
        for _ in range(ROUNDS):
            sender = threading.Thread(target=send_first, args=(sources, barid.server.port))
            barid.server.stop()
            time.sleep(RESTART_RETRY)
            sink.ask()
            sender.start()
            start = barid.restart()
            first, _ = sink.wait(1)
            sender.join()
            seconds.append(first - start)
        wait_replayed(barid)
        assert barid.count() == options.deferred, barid.count()
    table.add(f"start to the first fresh delivery, {options.deferred} due",
              statistics.median(seconds), {}, "< 1 s", "s")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--out")
    parser.add_argument("--no-peers", action="store_true")
    parser.add_argument("--only", default=",".join(PARTS))
    parser.add_argument("--deferred", type=int, help="messages that wait")
    parser.add_argument("--retry", type=int, default=300, help="seconds until they are due again")
    options = parser.parse_args()
    options.messages = 4000 if options.quick else 16000
    options.deferred = options.deferred or (20000 if options.quick else 100000)
    options.peers_deferred = min(options.deferred, 5000 if options.quick else 20000)
    options.peers = [] if options.no_peers else [RelayPostfix, RelayOpenSmtpd]
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
