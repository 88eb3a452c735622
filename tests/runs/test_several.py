"""Processes of a team, here threads: they exchange, share out, and learn who is lost and why."""

import queue
import socket
import threading

import pytest

from tests.hosts.starting import free_port
from tests.support.patience import PATIENCE, until
from tfwsss.errors import UserError
from tfwsss.runs.hosts import Place
from tfwsss.runs.line import Line
from tfwsss.runs.several import Several


def together(works, patience=PATIENCE):
    """Runs each work with its rank's arguments in a thread; returns what each returned or raised."""
    results = [None] * len(works)

    def one(rank):
        try:
            results[rank] = works[rank]()
        except Exception as error:
            results[rank] = error

    threads = [threading.Thread(target=one, args=(rank,)) for rank in range(len(works))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(patience)
    return results


def team_of(count, **settings):
    """Returns the members of a team, and a queue of what each heard of others' loss."""
    port, heard = free_port(), queue.Queue()

    def join(rank):
        return lambda: Several(Place(rank, count, "127.0.0.1", port), patience=PATIENCE,
                               lost=lambda line: heard.put((rank, line)), **settings)

    return together([join(rank) for rank in range(count)]), heard


def test_three_exchange_agree_and_share_out():
    team, heard = team_of(3)

    def work(member):
        values = [member.exchange([member.place.rank, turn]) for turn in range(20)]
        names = member.own(lambda: [str(number) for number in range(8)])
        agreed = member.agree(lambda: {"from": member.place.rank})
        member.leave()
        return values, names, agreed, tuple(member.share), member.first

    found = together([lambda member=member: work(member) for member in team])
    assert [each[0] for each in found] == [[[[0, turn], [1, turn], [2, turn]] for turn in range(20)]] * 3
    assert [each[1] for each in found] == [["0", "3", "6"], ["1", "4", "7"], ["2", "5"]]
    assert [each[2:] for each in found] == [({"from": 0}, (rank, 3), rank == 0) for rank in range(3)]
    assert heard.empty()


@pytest.mark.parametrize("rank", [0, 2])
def test_a_reason_reaches_all_others(rank):
    team, heard = team_of(3)
    team[rank].leave("the disk is full")
    told = dict(heard.get(timeout=PATIENCE) for _ in range(2))
    assert set(told) == {0, 1, 2} - {rank}
    assert all(f"process {rank} of 3 ended: the disk is full" in line for line in told.values())


@pytest.mark.parametrize("rank", [0, 1])
def test_a_killed_process_is_noticed(rank):
    team, heard = team_of(3)
    team[rank]._closing.set()
    for line in team[rank]._lines.values():
        line.finish()                                # what the system does with the connections of a killed process
    told = dict(heard.get(timeout=PATIENCE) for _ in range(2))
    assert set(told) == {0, 1, 2} - {rank}
    assert all(f"process {rank} of 3 ended: it was killed" in line for line in told.values())


def test_silence_is_noticed():
    team, heard = team_of(2, silence=0.4)
    team[1]._tell = lambda message: None             # it lives, but its machine has lost the network
    told = dict([heard.get(timeout=PATIENCE)])
    while 0 not in told:                             # on a busy machine the other one may hear nothing either
        told.update([heard.get(timeout=PATIENCE)])
    assert "process 1 of 2 ended: no sign of life for 0 s" in told[0]


def test_a_waiting_team_gives_signs_of_life(monkeypatch):
    beats, send = [], Line.send
    monkeypatch.setattr(Line, "send", lambda line, value: (beats.append(line) if value == ["beat"] else None,
                                                           send(line, value)))
    team, heard = team_of(2, silence=8.0)
    ours = [line for member in team for line in member._lines.values()]
    assert len(ours) == 2
    until(lambda: all(beats.count(line) >= 2 for line in ours))       # teams of other tests may beat beside them
    assert heard.empty()
    assert together([lambda member=member: member.exchange(1) for member in team]) == [[1, 1]] * 2


def test_different_counts_are_told_to_both():
    port = free_port()
    heard = queue.Queue()
    works = [lambda: Several(Place(0, 2, "127.0.0.1", port)),
             lambda: Several(Place(1, 3, "127.0.0.1", port), lost=heard.put).exchange(1)]
    threads = [threading.Thread(target=works[1], daemon=True)]
    threads[0].start()
    with pytest.raises(UserError, match="process 1 says that there are 3 processes, process 0 that there are 2"):
        works[0]()
    assert "there are 3 processes" in heard.get(timeout=PATIENCE)


def test_a_number_given_twice_is_told():
    port = free_port()
    for _ in range(2):
        threading.Thread(target=lambda: Several(Place(1, 3, "127.0.0.1", port), lost=lambda line: None),
                         daemon=True).start()
    with pytest.raises(UserError, match="two processes say that they are process 1"):
        Several(Place(0, 3, "127.0.0.1", port))


def test_those_who_do_not_come_are_named():
    place = Place(0, 3, "127.0.0.1", free_port())
    with pytest.raises(UserError, match="1 of 3 processes came within 0 s; missing: 1, 2"):
        Several(place, patience=0.2)
    with pytest.raises(UserError, match=f"process 0 does not answer at 127.0.0.1, port {place.port + 1}, for 0 s"):
        Several(place._replace(rank=1), patience=0.2)


def test_a_port_in_use_is_told():
    with socket.create_server(("", 0)) as server:
        with pytest.raises(UserError, match="cannot listen at port"):
            Several(Place(0, 2, "127.0.0.1", server.getsockname()[1] - 1))


def test_strangers_are_left_outside():
    port, found = free_port(), []
    thread = threading.Thread(target=lambda: found.append(Several(Place(0, 2, "127.0.0.1", port))))
    thread.start()
    with socket.socket() as other:
        while other.connect_ex(("127.0.0.1", port + 1)):
            pass
        other.sendall(b"GET / HTTP/1.1\r\n\r\n")
        member = Several(Place(1, 2, "127.0.0.1", port))
    thread.join(PATIENCE)
    assert together([lambda each=each: each.exchange(each.place.rank) for each in (found[0], member)]) == [[0, 1]] * 2
