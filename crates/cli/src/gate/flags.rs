//! How values on the command line are written.

use doorkey_core::Environment;
use doorkey_verifier::Outage;

/// What happens to limited requests while Redis is away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum WhenAway {
    /// They are refused
    Refuse,
    /// Each gate counts on its own
    Count,
}

impl From<WhenAway> for Outage {
    fn from(way: WhenAway) -> Self {
        match way {
            WhenAway::Refuse => Self::Refuse,
            WhenAway::Count => Self::CountLocally,
        }
    }
}

pub(super) fn parse_environment(text: &str) -> Result<Environment, String> {
    match text {
        "live" => Ok(Environment::Live),
        "test" => Ok(Environment::Test),
        _ => Err("live or test".to_owned()),
    }
}

/// Reads a number of bytes: `65536`, `512KiB`, `10MiB`, `1GiB`.
pub(super) fn parse_size(text: &str) -> Result<usize, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match &text[digits.len()..] {
        "" | "B" => 1,
        "KiB" => 1024,
        "MiB" => 1024 * 1024,
        "GiB" => 1024 * 1024 * 1024,
        _ => return Err("a number of bytes, or of KiB, MiB or GiB".to_owned()),
    };
    let number = digits.parse::<usize>().map_err(|_| "a whole number, maybe with KiB, MiB or GiB".to_owned())?;
    number.checked_mul(unit).ok_or_else(|| "too many bytes".to_owned())
}

#[cfg(test)]
mod tests {
    use super::parse_size;

    #[test]
    fn sizes_have_units() {
        for (text, bytes) in [("0", 0), ("65536", 65536), ("1B", 1), ("512KiB", 512 << 10), ("10MiB", 10 << 20)] {
            assert_eq!(parse_size(text), Ok(bytes), "{text}");
        }
        for text in ["", "MiB", "10MB", "10 MiB", "-1", "1.5MiB", "99999999999999999999", "18446744073709551615KiB"] {
            assert!(parse_size(text).is_err(), "{text}");
        }
    }
}
