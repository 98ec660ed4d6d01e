"""What the remote prover is told, from the environment or in code, and how the key is kept."""

from __future__ import annotations

import copy
import pickle

import pytest

from tests.unit.bonsai.fake_bonsai import KEY, quick
from zkhost.errors import ConfigError
from zkhost.provers.bonsai.polling import Polling
from zkhost.provers.bonsai.remote_settings import ApiKey, RemoteSettings
from zkhost.provers.bonsai.retry import FailureKind, RetryPolicy

VARIABLES = ("BONSAI_API_URL", "BONSAI_API_KEY", "BONSAI_TIMEOUT_MS", "BONSAI_POLL_INTERVAL_MS")


@pytest.fixture
def env(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment with the two that must be there."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("BONSAI_API_URL", "https://api.test/v1/")
    monkeypatch.setenv("BONSAI_API_KEY", KEY)
    return monkeypatch


class TestEnvironment:
    def test_defaults(self, env: pytest.MonkeyPatch) -> None:
        settings = RemoteSettings.from_env()
        assert (settings.url, settings.key.reveal()) == ("https://api.test/v1", KEY)
        assert (settings.timeout_s, settings.poll_interval_s) == (30.0, None)

    def test_times(self, env: pytest.MonkeyPatch) -> None:
        env.setenv("BONSAI_TIMEOUT_MS", "1500")
        env.setenv("BONSAI_POLL_INTERVAL_MS", "250")
        settings = RemoteSettings.from_env()
        assert (settings.timeout_s, settings.poll_interval_s) == (1.5, 0.25)

    @pytest.mark.parametrize("none", ["none", "NONE"])
    def test_no_timeout(self, env: pytest.MonkeyPatch, none: str) -> None:
        env.setenv("BONSAI_TIMEOUT_MS", none)
        assert RemoteSettings.from_env().timeout_s is None

    @pytest.mark.parametrize("name", ["BONSAI_TIMEOUT_MS", "BONSAI_POLL_INTERVAL_MS"])
    @pytest.mark.parametrize("value", ["0", "-1", "1.5", "1s", "abc", " 5", "٣", "9" * 5000])
    def test_bad_times_name_their_variable(self, env: pytest.MonkeyPatch, name: str, value: str) -> None:
        env.setenv(name, value)
        with pytest.raises(ConfigError, match=name):
            RemoteSettings.from_env()

    @pytest.mark.parametrize("missing", ["BONSAI_API_URL", "BONSAI_API_KEY"])
    @pytest.mark.parametrize("empty", [True, False])
    def test_half_a_pair(self, env: pytest.MonkeyPatch, missing: str, empty: bool) -> None:
        env.setenv(missing, "") if empty else env.delenv(missing)
        with pytest.raises(ConfigError, match=f"{missing} is not") as caught:
            RemoteSettings.from_env()
        assert KEY not in str(caught.value)

    def test_nothing_set(self, env: pytest.MonkeyPatch) -> None:
        env.delenv("BONSAI_API_URL")
        env.delenv("BONSAI_API_KEY")
        with pytest.raises(ConfigError, match="BONSAI_API_URL and BONSAI_API_KEY are not set"):
            RemoteSettings.from_env()
        assert RemoteSettings.from_env("http://localhost:1", "k").url == "http://localhost:1"


class TestUrl:
    @pytest.mark.parametrize("url", ["http://h", "https://h:8443/a/b", "http://127.0.0.1:8081/", "http://[::1]:1"])
    def test_good(self, url: str) -> None:
        assert quick(url).url == url.rstrip("/")

    @pytest.mark.parametrize(
        "url",
        [
            "",
            "h",
            "ftp://h",
            "http://",
            "http://h?x=1",
            "http://h#f",
            "http://h:0",
            "http://h:99999",
            "http://h h",
            "http://h\n",
        ],
    )
    def test_bad(self, url: str) -> None:
        with pytest.raises(ConfigError, match="BONSAI_API_URL"):
            quick(url)

    def test_with_a_password(self) -> None:
        with pytest.raises(ConfigError, match="BONSAI_API_KEY") as caught:
            quick("http://user:hunter2@h")
        assert "hunter2" not in str(caught.value)


class TestKey:
    def test_shows_nowhere(self) -> None:
        key = ApiKey(KEY)
        shown = f"{key} {key!r} {key!s} {quick('http://h')} {quick('http://h')!r} {[key]} {vars(quick('http://h'))}"
        assert KEY not in shown

    @pytest.mark.parametrize("leave", [pickle.dumps, copy.copy, copy.deepcopy])
    def test_does_not_travel(self, leave: object) -> None:
        with pytest.raises(TypeError, match="API key"):
            leave(ApiKey(KEY))  # type: ignore[operator]
        with pytest.raises(TypeError, match="API key"):
            pickle.dumps(quick("http://h"))

    @pytest.mark.parametrize("key", ["", " ", "a b", "a\r\nx-evil: 1", "ключ", "a" * 5000])
    def test_that_no_header_carries(self, key: str) -> None:
        with pytest.raises(ConfigError, match="BONSAI_API_KEY") as caught:
            ApiKey(key)
        assert len(key) < 3 or key not in str(caught.value)


@pytest.mark.parametrize("name", ["deadline_s", "timeout_s", "poll_interval_s", "max_receipt_bytes", "max_connections"])
@pytest.mark.parametrize("value", [0, -1, float("nan")])
def test_numbers_are_checked(name: str, value: float) -> None:
    with pytest.raises(ConfigError, match=name):
        quick("http://h", **{name: value})


class TestPace:
    def test_grows_with_age_between_its_bounds(self) -> None:
        pace = Polling()
        assert [pace.next_s(age) for age in (0, 0.5, 1, 10, 60, 100, 3600)] == [0.05, 0.05, 0.05, 0.5, 3.0, 5.0, 5.0]

    def test_many_sessions_share_200_requests_a_second(self) -> None:
        pace = Polling()
        pace.watched = 200
        assert pace.next_s(0) == 1.0
        assert pace.watched / pace.next_s(0) <= 200

    def test_fixed(self) -> None:
        pace = Polling(0.25)
        pace.watched = 1000
        assert {pace.next_s(age) for age in (0, 1000)} == {0.25}

    def test_counts_those_it_watches(self) -> None:
        pace = Polling()
        with pace.watching(), pace.watching():
            assert pace.watched == 2
        assert pace.watched == 0


class TestRetryPolicy:
    def test_backs_off_up_to_its_maximum(self) -> None:
        policy = RetryPolicy(first_delay_s=1, factor=2, max_delay_s=8)
        for failures, longest in enumerate([1, 2, 4, 8, 8, 8], start=1):
            assert longest / 2 <= policy.delay_s(failures) <= longest
        assert policy.delay_s(10_000) <= 8

    def test_jitter(self) -> None:
        assert len({RetryPolicy().delay_s(1) for _ in range(20)}) > 1

    def test_retry_after_counts_where_it_is_longer(self) -> None:
        assert RetryPolicy().delay_s(1, retry_after_s=3.0) == 3.0
        assert RetryPolicy(first_delay_s=4).delay_s(1, retry_after_s=1.0) >= 2.0

    @pytest.mark.parametrize("trouble", list(FailureKind))
    def test_what_creates_is_repeated_only_where_nothing_happened(self, trouble: FailureKind) -> None:
        repeated = RetryPolicy().budget_s(trouble, creates=True, reached=True) > 0
        assert repeated == (trouble in (FailureKind.NOT_SENT, FailureKind.REFUSED_FOR_NOW))

    @pytest.mark.parametrize("changes", [{"first_delay_s": 0}, {"factor": 0.5}, {"max_delay_s": 0.01}])
    def test_nonsense(self, changes: dict[str, float]) -> None:
        with pytest.raises(ConfigError, match="back off"):
            RetryPolicy(**changes)
