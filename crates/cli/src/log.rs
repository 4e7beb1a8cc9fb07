//! Logs: JSON for machines, lines for a person at a terminal.

use std::io::IsTerminal;
use std::str::FromStr;

use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::layer;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// What is logged: a level, and levels by module.
#[derive(Clone, Debug)]
pub(crate) struct Filter(Targets);

impl FromStr for Filter {
    type Err = tracing_subscriber::filter::ParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

/// How lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// For people
    Text,
    /// For machines
    Json,
}

/// Sends the logs to stderr from now on.
pub(crate) fn begin(filter: &Filter, format: Option<Format>) {
    let stderr = std::io::stderr;
    let fitting = || if stderr().is_terminal() { Format::Text } else { Format::Json };
    let lines = if format.unwrap_or_else(fitting) == Format::Text {
        layer().with_writer(stderr).with_target(false).boxed()
    } else {
        layer().json().flatten_event(true).with_writer(stderr).boxed()
    };
    tracing_subscriber::registry().with(lines.with_filter(filter.0.clone())).init();
}
