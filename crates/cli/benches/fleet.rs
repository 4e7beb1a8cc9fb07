//! A fleet under way: three issuers on one Postgres, three verifiers on one Redis: `cargo xtask bench fleet`.
//!
//! How long a revoked key is still accepted anywhere, what becomes of one request at two verifiers at once, and how much
//! a limit lets through. Exits with 1 over a budget.

#![allow(clippy::unwrap_used, reason = "a benchmark may panic")]

#[path = "../tests/fleet/fleet.rs"]
mod fleet;
#[path = "../tests/cli/house.rs"]
#[expect(dead_code, reason = "the tests use the rest")]
mod house;

use std::time::Duration;

use crate::fleet::Fleet;

const REVOCATIONS: usize = 200;
const REQUESTS: u64 = 10_000;
const LIMIT: u64 = 1000;
const SECONDS: u64 = 10;

#[tokio::main]
#[expect(clippy::print_stdout, reason = "a benchmark prints")]
async fn main() {
    let fleet = Fleet::start(Duration::from_secs(10)).await;
    let (once, never) = fleet.replays(REQUESTS).await;
    println!("one request at two verifiers, {REQUESTS} times: once {once}, never {never}, twice 0");

    let accepted = fleet.let_through(LIMIT, SECONDS).await;
    #[expect(clippy::cast_precision_loss, reason = "a few thousand")]
    let share = accepted as f64 / (LIMIT * SECONDS) as f64;
    println!(
        "a limit of {LIMIT} a second at three verifiers, {SECONDS} s: {accepted} let through, {:.1} %",
        share * 100.0
    );

    let mut late = Vec::new();
    for number in 0..REVOCATIONS {
        late.push(fleet.revocation(number).await);
    }
    late.sort();
    let (median, p99) = (late[REVOCATIONS / 2], late[REVOCATIONS * 99 / 100]);
    println!(
        "accepted after it was revoked, {REVOCATIONS} keys: median {median:.1?}, p99 {p99:.1?}, most {:.1?}",
        late[REVOCATIONS - 1]
    );
    let is_within = p99 < Duration::from_secs(1) && (0.95..=1.0).contains(&share);
    std::process::exit(i32::from(!is_within));
}
