//! `GET /v1/keys/{key}/usage`.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use doorkey_core::KeyId;
use utoipa::{IntoParams, ToSchema};

use crate::error::Error;
use crate::http::Shared;
use crate::http::caller::Caller;
use crate::http::openapi::{refusals, schemas};
use crate::http::path::Path;
use crate::http::query::Query;
use crate::registry::UsageCounts;
use crate::store::UsageRow;

const HOUR: u64 = 3600;
const DAY: u64 = 86_400;

/// The periods that are counted in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = UsageInterval)]
enum Interval {
    #[default]
    Hour,
    /// From midnight to midnight in UTC.
    Day,
}

impl Interval {
    fn seconds(self) -> u64 {
        match self {
            Self::Hour => HOUR,
            Self::Day => DAY,
        }
    }

    /// How far back is shown unless told, and at most, in seconds.
    fn reach(self) -> (u64, u64) {
        match self {
            Self::Hour => (DAY, 31 * DAY),
            Self::Day => (30 * DAY, 400 * DAY),
        }
    }
}

/// What is asked for.
#[derive(Debug, serde::Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Wanted {
    /// From the period on that this is in; 24 hours, or 30 days, before `until` unless told.
    #[param(value_type = Option<schemas::Timestamp>)]
    since: Option<u64>,
    /// Up to the end of the period that this is in; now unless told.
    #[param(value_type = Option<schemas::Timestamp>)]
    until: Option<u64>,
    /// By the `hour`, at most 31 days, or by the `day`, at most 400.
    #[serde(default)]
    #[param(inline)]
    interval: Interval,
}

/// What a key was used for.
#[derive(Debug, serde::Serialize, ToSchema)]
#[schema(as = KeyUsage)]
pub(super) struct Usage {
    #[schema(value_type = schemas::KeyId)]
    key: KeyId,
    interval: Interval,
    /// When the first period begins.
    #[schema(value_type = schemas::Timestamp)]
    since: u64,
    /// When the last one ends.
    #[schema(value_type = schemas::Timestamp)]
    until: u64,
    totals: UsageCounts,
    /// Each period, those in which nothing was counted too.
    points: Vec<Point>,
}

#[derive(Debug, serde::Serialize, ToSchema)]
#[schema(as = UsagePoint)]
struct Point {
    /// When the period begins.
    #[schema(value_type = schemas::Timestamp)]
    at: u64,
    #[serde(flatten)]
    counts: UsageCounts,
}

/// Show what a key was used for
///
/// Requests to the API as verifiers report them, and sessions, in periods of an hour or of a day.
#[utoipa::path(
    get,
    path = "/v1/keys/{key}/usage",
    operation_id = "showKeyUsage",
    tag = "Keys",
    params(("key" = schemas::KeyId, Path, description = "The key."), Wanted),
    responses((status = 200, description = "What it was used for.", body = Usage), refusals::Read),
    security(("member" = [])),
)]
pub(super) async fn usage(
    State(issuer): Shared,
    caller: Caller,
    Path(key): Path<KeyId>,
    Query(wanted): Query<Wanted>,
) -> Result<Json<Usage>, Error> {
    let interval = wanted.interval;
    let period = interval.seconds();
    let (since, until) = span(&wanted, issuer.clock().now())?;
    let rows = issuer.registry().key_usage(&caller.actor, key, since, until, period).await?;
    let (totals, points) = count(&rows, since, until, period);
    Ok(Json(Usage { key, interval, since, until, totals, points }))
}

/// From when to when, in whole periods.
fn span(wanted: &Wanted, now: u64) -> Result<(u64, u64), Error> {
    let period = wanted.interval.seconds();
    let (usual, most) = wanted.interval.reach();
    let last = wanted.until.unwrap_or(now);
    if last > now.saturating_add(DAY) {
        return Err(Error::invalid("until", "no later than tomorrow"));
    }
    let until = last.next_multiple_of(period);
    let since = wanted.since.map_or(until.saturating_sub(usual), |since| since - since % period);
    if since >= until || wanted.since.is_some_and(|since| since >= last) {
        return Err(Error::invalid("since", "before until"));
    }
    if until - since > most {
        return Err(Error::invalid("since", "at most 31 days by the hour, and 400 by the day"));
    }
    Ok((since, until))
}

fn count(rows: &[UsageRow], since: u64, until: u64, period: u64) -> (UsageCounts, Vec<Point>) {
    let (mut totals, mut periods) = (UsageCounts::default(), BTreeMap::<u64, UsageCounts>::new());
    for row in rows {
        totals.add(&row.outcome, row.count);
        periods.entry(row.at).or_default().add(&row.outcome, row.count);
    }
    let begins = std::iter::successors(Some(since), |at| Some(at + period)).take_while(|at| *at < until);
    let points = begins.map(|at| Point { at, counts: periods.remove(&at).unwrap_or_default() });
    (totals, points.collect())
}

#[cfg(test)]
mod tests {
    use super::{DAY, HOUR, Interval, Wanted, count, span};
    use crate::store::UsageRow;

    const NOW: u64 = 1_700_000_000;

    fn spanned(since: Option<u64>, until: Option<u64>, interval: Interval) -> Option<(u64, u64)> {
        span(&Wanted { since, until, interval }, NOW).ok()
    }

    #[test]
    fn a_span_is_of_whole_periods_and_has_an_end() {
        let (hour, day) = (Interval::Hour, Interval::Day);
        let (this_hour, today) = (NOW - NOW % HOUR, NOW - NOW % DAY);
        assert_eq!(spanned(None, None, hour), Some((this_hour + HOUR - DAY, this_hour + HOUR)));
        assert_eq!(spanned(None, None, day), Some((today - 29 * DAY, today + DAY)));
        assert_eq!(spanned(Some(NOW), Some(NOW + 1), hour), Some((this_hour, this_hour + HOUR)));
        assert_eq!(spanned(Some(this_hour), Some(this_hour), hour), None);
        assert_eq!(spanned(Some(NOW), Some(NOW - DAY), day), None);
        assert_eq!(spanned(Some(this_hour - 31 * DAY), Some(this_hour), hour), Some((this_hour - 31 * DAY, this_hour)));
        assert_eq!(spanned(Some(this_hour - 31 * DAY - 1), Some(this_hour), hour), None);
        assert!(spanned(Some(today - 399 * DAY), None, day).is_some());
        assert_eq!(spanned(Some(today - 400 * DAY), None, day), None);
        assert_eq!(spanned(None, Some(u64::MAX), hour), None);
        assert_eq!(spanned(None, Some(0), hour), None);
    }

    #[test]
    fn each_outcome_has_its_place() {
        let outcomes =
            ["accepted", "key_expired", "shadow:cidrs", "minted", "mint:origin_not_allowed", "of_the_future"];
        let rows: Vec<_> =
            outcomes.iter().map(|outcome| UsageRow { at: HOUR, outcome: (*outcome).into(), count: 2 }).collect();
        let (totals, points) = count(&rows, 0, 3 * HOUR, HOUR);
        let text = serde_json::to_string(&totals).unwrap();
        assert_eq!(
            text,
            r#"{"accepted":2,"refused":{"key_expired":2},"shadowed":{"cidrs":2},"minted":2,"mints_refused":{"origin_not_allowed":2}}"#
        );
        assert_eq!(
            points.iter().map(|point| (point.at, point.counts.accepted)).collect::<Vec<_>>(),
            [(0, 0), (HOUR, 2), (2 * HOUR, 0)]
        );
    }
}
