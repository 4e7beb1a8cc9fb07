//! How values that several commands take are written on the command line.

use std::collections::BTreeMap;
use std::str::FromStr;

use doorkey_verifier::{Clock, RateLimit, SystemClock};

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
pub(crate) fn list<T>(flag: &str, given: Vec<Or<T>>) -> anyhow::Result<Option<Vec<T>>> {
    if given.is_empty() {
        return Ok(None);
    }
    let (count, values) = (given.len(), given.into_iter().filter_map(Or::into_value).collect::<Vec<_>>());
    if values.len() == count || count == 1 {
        return Ok(Some(values));
    }
    anyhow::bail!("{flag} names values, and also that there are none")
}

/// Reads so many requests in so much time: `600/60s`, `100/1m`, `10/s`.
pub(crate) fn parse_limit(text: &str) -> Result<RateLimit, String> {
    let wrong = || "requests per time, as 600/60s; up to a day".to_owned();
    let (requests, period) = text.split_once('/').ok_or_else(wrong)?;
    let period =
        if period.starts_with(|c: char| c.is_ascii_digit()) { period.to_owned() } else { format!("1{period}") };
    let period = humantime::parse_duration(&period).map_err(|_| wrong())?;
    if period.subsec_nanos() != 0 {
        return Err("a whole number of seconds".to_owned());
    }
    RateLimit::new(requests.parse().map_err(|_| wrong())?, period.as_secs()).ok_or_else(wrong)
}

/// Reads a point in time, in Unix seconds: a date, `2027-01-31`, a moment, `2027-01-31T12:00:00Z`, or how long it is until
/// then, `90d`.
pub(crate) fn parse_time(text: &str) -> Result<u64, String> {
    if let Ok(from_now) = humantime::parse_duration(text) {
        return Ok(SystemClock.now().saturating_add(from_now.as_secs()));
    }
    let moment = if text.len() == "2027-01-31".len() { format!("{text}T00:00:00Z") } else { text.to_owned() };
    let since = |time: std::time::SystemTime| time.duration_since(std::time::UNIX_EPOCH).ok();
    let seconds = humantime::parse_rfc3339(&moment).ok().and_then(since).map(|since| since.as_secs());
    seconds.ok_or_else(|| {
        "a date, as 2027-01-31, a moment, as 2027-01-31T12:00:00Z, or a time from now, as 90d".to_owned()
    })
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
pub(crate) fn map<T>(flag: &str, pairs: Vec<(String, T)>) -> anyhow::Result<BTreeMap<String, T>> {
    let count = pairs.len();
    let map: BTreeMap<_, _> = pairs.into_iter().collect();
    anyhow::ensure!(map.len() == count, "{flag} names something twice");
    Ok(map)
}

#[cfg(test)]
mod tests {
    use doorkey_verifier::{Clock, SystemClock};

    use super::{Or, list, map, or_none, parse_limit, parse_pair, parse_time};

    #[test]
    fn limits_are_per_time() {
        for (text, requests, period) in
            [("600/60s", 600, 60), ("100/1m", 100, 60), ("10/s", 10, 1), ("1/1day", 1, 86400), ("5/2min", 5, 120)]
        {
            let limit = parse_limit(text).unwrap();
            assert_eq!((limit.requests(), limit.period()), (requests, period), "{text}");
        }
        for text in ["", "600", "600/", "/60s", "0/s", "-1/s", "1/0s", "1/2days", "1/500ms", "600/60"] {
            assert!(parse_limit(text).is_err(), "{text}");
        }
    }

    #[test]
    fn times_are_dates_moments_or_from_now() {
        assert_eq!(parse_time("2027-01-31"), Ok(1_801_353_600));
        assert_eq!(parse_time("2027-01-31T00:00:01Z"), Ok(1_801_353_601));
        let now = SystemClock.now();
        let then = parse_time("90d").unwrap() - 90 * 86_400;
        assert!((now..=SystemClock.now()).contains(&then));
        for text in ["", "never", "2027-13-01", "2027-01-31 12:00", "31.1.2027é", "1969-01-01"] {
            assert!(parse_time(text).is_err(), "{text}");
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
        assert!(map("--limit", vec![("a".to_owned(), 1), ("a".to_owned(), 1)]).is_err());
    }
}
