//! What runs inside of Redis, all of it or nothing. The rules stand in `replay.lua`, which `@doorkey/verifier` has, too.

use std::sync::LazyLock;

use redis::Script;

/// Has a server vouch for what it will be given, or raises since when it does.
pub(super) static ANNOUNCE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(concat!(
        include_str!("../replay.lua"),
        "announce(KEYS[1], ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]))"
    ))
});

/// Marks a proof; the answer is a word and how long to wait.
///
/// A connection leads to one run of the process for as long as it lasts; the replication history may change meanwhile.
pub(super) static MARK: LazyLock<Script> = LazyLock::new(|| {
    Script::new(concat!(
        include_str!("../replay.lua"),
        "
if string.match(redis.call('INFO', 'replication'), 'master_replid:(%w+)') ~= ARGV[2] then
    return {'unknown', 0}
end
return mark(KEYS[1], KEYS[2], ARGV[1], tonumber(ARGV[3]), tonumber(ARGV[4]))
"
    ))
});

#[cfg(test)]
mod tests {
    use super::super::SharedReplay;

    #[test]
    fn the_scripts_allow_for_as_much_as_is_told() {
        let line = format!("local MAX_AHEAD = {}\n", SharedReplay::MAX_AHEAD);
        assert!(include_str!("../replay.lua").contains(&line));
    }
}
