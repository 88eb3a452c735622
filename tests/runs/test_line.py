"""Messages of any size arrive whole; silence and a lost side are told apart."""

import socket
import threading

import pytest

from tfwsss.runs.line import Line


@pytest.fixture
def ends():
    one, other = socket.socketpair()
    with one, other:
        yield Line(one), Line(other)


def test_messages_arrive_whole_and_in_order(ends):
    one, other = ends
    values = [["value", 1, None], {"names": ["\n", "ä" * 300_000]}, 3]
    sender = threading.Thread(target=lambda: [one.send(value) for value in values])
    sender.start()
    assert [other.receive(10) for _ in values] == values
    sender.join()


def test_what_several_threads_send_is_not_mixed(ends):
    one, other = ends
    senders = [threading.Thread(target=one.send, args=([number] * 50_000,)) for number in range(4)]
    for sender in senders:
        sender.start()
    received = [other.receive(10) for _ in senders]
    assert sorted(message[0] for message in received) == [0, 1, 2, 3]
    assert all(len(set(message)) == 1 and len(message) == 50_000 for message in received)


def test_silence_and_a_lost_side_are_told_apart(ends):
    one, other = ends
    with pytest.raises(TimeoutError):
        other.receive(0.01)
    one.send(1)
    one.finish()
    assert other.receive(10) == 1
    with pytest.raises(ConnectionError):
        other.receive(10)


def test_what_is_no_json_is_refused():
    one, other = socket.socketpair()
    with one, other:
        one.sendall(b"GET / HTTP/1.1\r\n")
        with pytest.raises(ValueError):
            Line(other).receive(10)
