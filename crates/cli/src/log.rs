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

/// Sends the logs to stderr from now on.
pub(crate) fn begin(filter: &Filter) {
    let stderr = std::io::stderr;
    let lines = if stderr().is_terminal() {
        layer().with_writer(stderr).with_target(false).boxed()
    } else {
        layer().json().flatten_event(true).with_writer(stderr).boxed()
    };
    tracing_subscriber::registry().with(lines.with_filter(filter.0.clone())).init();
}
