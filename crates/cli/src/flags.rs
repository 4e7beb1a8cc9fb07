//! How values that several commands take are written on the command line.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::net::SocketAddr;
use std::str::FromStr;
use std::time::{Duration, UNIX_EPOCH};

use doorkey_verifier::{Clock, RateLimit, SystemClock};

/// What is wrong with a command line as a whole; of each value by itself clap says so.
#[derive(Debug)]
pub(crate) struct Misuse(String);

impl Misuse {
    pub(crate) fn new(detail: impl Into<String>) -> Self {
        Self(detail.into())
    }
}

impl std::fmt::Display for Misuse {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Misuse {}

/// A value, or the word that takes away what is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Or<T> {
    Word,
    Value(T),
}

impl<T> Or<T> {
    /// The value, unless it is to be taken away.
    pub(crate) fn into_value(self) -> Option<T> {
        match self {
            Self::Word => None,
            Self::Value(value) => Some(value),
        }
    }
}

/// Reads a value, or `none`.
pub(crate) fn or_none<T, E: std::fmt::Display>(
    parse: impl Fn(&str) -> Result<T, E> + Clone,
) -> impl Fn(&str) -> Result<Or<T>, String> + Clone {
    or_word("none", parse)
}

/// Reads a value, or a word of its own.
pub(crate) fn or_word<T, E: std::fmt::Display>(
    word: &'static str,
    parse: impl Fn(&str) -> Result<T, E> + Clone,
) -> impl Fn(&str) -> Result<Or<T>, String> + Clone {
    move |text| {
        if text == word {
            return Ok(Or::Word);
        }
        parse(text).map(Or::Value).map_err(|error| error.to_string())
    }
}

/// The list that a flag was given several times for: `None` unless it was given, and an empty one for its word alone.
///
/// Fails for the word beside values.
pub(crate) fn list<T>(flag: &str, given: Vec<Or<T>>) -> Result<Option<Vec<T>>, Misuse> {
    if given.is_empty() {
        return Ok(None);
    }
    let (count, values) = (given.len(), given.into_iter().filter_map(Or::into_value).collect::<Vec<_>>());
    if values.len() == count || count == 1 {
        return Ok(Some(values));
    }
    Err(Misuse::new(format!("{flag} names values, and also its word for none or all of them")))
}

/// The most that is counted: a whole number in every language.
const MOST: u64 = (1 << 53) - 1;

/// Reads so many requests in so much time: `100/1m`, `10/s`, `5000/1h`.
pub(crate) fn parse_limit(text: &str) -> Result<RateLimit, String> {
    let wrong = || format!("requests per time, as 100/1m: 1 to {MOST} requests in 1 second to 1 day");
    let (requests, period) = text.split_once('/').ok_or_else(wrong)?;
    let period =
        if period.starts_with(|c: char| c.is_ascii_digit()) { period.to_owned() } else { format!("1{period}") };
    let period = humantime::parse_duration(&period).map_err(|_| wrong())?;
    if period.subsec_nanos() != 0 {
        return Err("the time is a whole number of seconds, as in 100/1m".to_owned());
    }
    let requests = requests.parse().map_err(|_| wrong())?;
    if requests == 0 {
        return Err("0 requests would be none at all: 1 or more, as 100/1m".to_owned());
    }
    RateLimit::new(requests, period.as_secs()).filter(|_| requests <= MOST).ok_or_else(wrong)
}

/// Reads so many requests a month.
pub(crate) fn parse_quota(text: &str) -> Result<u64, String> {
    let wrong = || format!("a whole number of requests from 0 to {MOST}");
    text.parse().ok().filter(|quota| *quota <= MOST).ok_or_else(wrong)
}

/// Reads how long a token lives.
pub(crate) fn parse_lifetime(text: &str) -> Result<u64, String> {
    text.parse().ok().filter(|seconds| (1..=600).contains(seconds)).ok_or_else(|| "1 to 600 seconds".to_owned())
}

/// Reads whether something is demanded; `none` takes it back as `false` does.
pub(crate) fn parse_demand(text: &str) -> Result<bool, String> {
    match text {
        "true" => Ok(true),
        "false" | "none" => Ok(false),
        _ => Err("true, or false or none to take it back".to_owned()),
    }
}

/// Reads an address to listen on.
pub(crate) fn parse_listen(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| "an IP address and a port, as 127.0.0.1:7700 or [::1]:7700".to_owned())
}

/// Reads a point in time to come, in Unix seconds: a date, `2127-01-31`, a moment, `2127-01-31T12:00:00Z`, or how long it is
/// until then, `90d`.
pub(crate) fn parse_time(text: &str) -> Result<u64, String> {
    let now = SystemClock.now();
    let seconds = match humantime::parse_duration(text) {
        Ok(from_now) => now.saturating_add(from_now.as_secs()),
        Err(_) => parse_moment(text)
            .ok_or("a date, as 2127-01-31, a moment, as 2127-01-31T12:00:00Z, or a time from now, as 90d")?,
    };
    if seconds > now { Ok(seconds) } else { Err("that lies in the past".to_owned()) }
}

fn parse_moment(text: &str) -> Option<u64> {
    let moment = if text.len() == "2127-01-31".len() { format!("{text}T00:00:00Z") } else { text.to_owned() };
    let since = humantime::parse_rfc3339(&moment).ok()?.duration_since(UNIX_EPOCH).ok()?;
    Some(since.as_secs())
}

/// Reads a name and what it stands for: `max_pictures=10`.
pub(crate) fn parse_pair<T: FromStr>(text: &str) -> Result<(String, T), String> {
    let (name, value) = text.split_once('=').ok_or("a name and a value, as NAME=VALUE")?;
    let value = value.parse().map_err(|_| format!("what stands behind {name}= is no value of it"))?;
    Ok((name.to_owned(), value))
}

/// What pairs say together.
///
/// Fails for a name that is there twice.
pub(crate) fn map<T>(flag: &str, pairs: Vec<(String, T)>) -> Result<BTreeMap<String, T>, Misuse> {
    let mut map = BTreeMap::new();
    for (name, value) in pairs {
        match map.entry(name) {
            Entry::Vacant(entry) => entry.insert(value),
            Entry::Occupied(entry) => return Err(Misuse::new(format!("{flag} names {} twice", entry.key()))),
        };
    }
    Ok(map)
}

/// When the month of a point in time began, in UTC; Unix seconds.
pub(crate) fn month_of(time: u64) -> u64 {
    let time = UNIX_EPOCH + Duration::from_secs(time);
    let text = humantime::format_rfc3339_seconds(time).to_string();
    let first = text.get(..text.len() - "01T00:00:00Z".len()).map(|month| format!("{month}01T00:00:00Z"));
    let begin = first.and_then(|first| humantime::parse_rfc3339(&first).ok()).unwrap_or(time);
    begin.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use doorkey_verifier::{Clock, SystemClock};

    use super::{Or, list, map, month_of, or_none, parse_limit, parse_pair, parse_time};

    #[test]
    fn limits_are_per_time() {
        for (text, requests, period) in
            [("600/60s", 600, 60), ("100/1m", 100, 60), ("10/s", 10, 1), ("1/1day", 1, 86400), ("5/2min", 5, 120)]
        {
            let limit = parse_limit(text).unwrap();
            assert_eq!((limit.requests(), limit.period()), (requests, period), "{text}");
        }
        for text in
            ["", "600", "600/", "/60s", "0/s", "-1/s", "1/0s", "1/2days", "1/500ms", "600/60", "9007199254740992/s"]
        {
            let detail = parse_limit(text).unwrap_err();
            assert!(detail.contains("100/1m"), "{text}: {detail}");
        }
        assert!(parse_limit("0/s").unwrap_err().starts_with("0 requests"));
    }

    #[test]
    fn times_are_dates_moments_or_from_now() {
        assert_eq!(parse_time("2127-01-31"), Ok(4_957_027_200));
        assert_eq!(parse_time("2127-01-31T00:00:01Z"), Ok(4_957_027_201));
        let now = SystemClock.now();
        let then = parse_time("90d").unwrap() - 90 * 86_400;
        assert!((now..=SystemClock.now()).contains(&then));
        for text in ["", "never", "2027-13-01", "2127-01-31 12:00", "31.1.2027é", "1969-01-01"] {
            assert!(parse_time(text).is_err(), "{text}");
        }
        for text in ["1970-01-01", "2020-01-31", "2020-01-31T12:00:00Z", "0s"] {
            assert_eq!(parse_time(text).unwrap_err(), "that lies in the past", "{text}");
        }
        for (time, begin) in [(0, 0), (1_801_353_600, 1_798_761_600), (1_798_761_600, 1_798_761_600)] {
            assert_eq!(month_of(time), begin);
        }
    }

    #[test]
    fn none_takes_away_and_stands_alone() {
        let parse = or_none(str::parse::<u64>);
        assert_eq!((parse("7"), parse("none")), (Ok(Or::Value(7)), Ok(Or::Word)));
        assert!(parse("nothing").is_err());
        assert_eq!(list::<u64>("--x", vec![]).unwrap(), None);
        assert_eq!(list::<u64>("--x", vec![Or::Word]).unwrap(), Some(vec![]));
        assert_eq!(list("--x", vec![Or::Value(1), Or::Value(2)]).unwrap(), Some(vec![1, 2]));
        assert!(list("--x", vec![Or::Value(1), Or::Word]).is_err());
    }

    #[test]
    fn pairs_name_each_thing_once() {
        assert_eq!(parse_pair::<u64>("max_pictures=10"), Ok(("max_pictures".to_owned(), 10)));
        assert_eq!(parse_pair::<String>("team=a=b"), Ok(("team".to_owned(), "a=b".to_owned())));
        assert!(parse_pair::<u64>("max_pictures").is_err() && parse_pair::<u64>("max_pictures=many").is_err());
        let twice = map("--limit", vec![("a".to_owned(), 1), ("b".to_owned(), 1), ("a".to_owned(), 1)]);
        assert_eq!(twice.unwrap_err().to_string(), "--limit names a twice");
    }
}
