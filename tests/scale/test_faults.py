from tfwsss.scale import faults
from tfwsss.scale.job import Job
from tfwsss.scale.patterns import parse


def test_the_list_is_sorted_and_read_back(tmp_path):
    job = Job("m/", ("background",), parse("photos/"), f"{tmp_path}/")
    faults.write(job, iter([("b, c.jpg", 'is "broken"; x'), ("a.jpg", "empty, é")]))
    assert (tmp_path / "faults.csv").read_text() == \
        'image,reason\na.jpg,"empty, é"\n"b, c.jpg","is ""broken""; x"\n'
    assert faults.read(job, 1) == {"a.jpg": "empty, é"}
    assert faults.read(job, 9) == {"a.jpg": "empty, é", "b, c.jpg": 'is "broken"; x'}
    faults.write(job, ())
    assert (tmp_path / "faults.csv").read_text() == "image,reason\n" and faults.read(job, 9) == {}
