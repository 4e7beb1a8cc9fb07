use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::sync::{Mutex, MutexGuard};

use doorkey_servers::Postgres;
use serde_json::Value;

use crate::house::{House, PAGE, Server};

/// Processes that create keys, and whether more may begin.
#[derive(Default)]
struct Writers {
    processes: Vec<Child>,
    stopped: bool,
}

#[test]
fn kill_9_loses_no_acknowledged_key() {
    for _ in 0..4 {
        let house = House::new();
        let servers = [house.serve()];
        kill_while_keys_are_created(&house, servers);
    }
}

#[test]
fn kill_9_of_two_issuers_on_postgres_loses_no_acknowledged_key() {
    let postgres = Postgres::start();
    for _ in 0..4 {
        let house = House::on(&postgres.create_database());
        let servers = [house.serve(), house.serve()];
        kill_while_keys_are_created(&house, servers);
    }
}

/// Four writers create keys; once eight are acknowledged, all of them and the issuers are killed where they stand.
fn kill_while_keys_are_created<const N: usize>(house: &House, mut servers: [Server; N]) {
    let acknowledged = Mutex::new(Vec::new());
    let writers = Mutex::new(Writers::default());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while let Some(line) = create(house, &writers) {
                    lock(&acknowledged).push(line);
                }
            });
        }
        while lock(&acknowledged).len() < 8 {
            std::thread::yield_now();
        }
        let mut writers = lock(&writers);
        writers.stopped = true;
        let issuers = servers.iter_mut().map(|server| &mut server.process);
        for process in issuers.chain(&mut writers.processes) {
            process.kill().unwrap();
        }
    });
    for mut process in writers.into_inner().unwrap().processes {
        process.wait().unwrap();
    }
    check(house, &acknowledged.into_inner().unwrap());
}

/// Runs one `keys create`; `None` when it was killed before it had acknowledged, or must not begin any more.
fn create(house: &House, writers: &Mutex<Writers>) -> Option<String> {
    let mut command = house.doorkey(&["keys", "create", "--secret", "--json"]);
    let mut writers = lock(writers);
    if writers.stopped {
        return None;
    }
    let mut process = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let stdout = process.stdout.take().unwrap();
    writers.processes.push(process);
    drop(writers);
    let mut line = String::new();
    BufReader::new(stdout).read_line(&mut line).unwrap();
    line.ends_with('\n').then_some(line)
}

/// Everything that was acknowledged is there, and the house is in order.
fn check(house: &House, acknowledged: &[String]) {
    let server = house.serve();
    assert!(server.ready["secret_key"].is_null());
    let keys: Vec<Value> = serde_json::from_str(&house.print(&["keys", "list", "--json"])).unwrap();
    assert!(acknowledged.len() >= 8);
    for line in acknowledged {
        let created: Value = serde_json::from_str(line).unwrap();
        assert!(keys.iter().any(|key| key["id"] == created["id"]), "{} was acknowledged and is lost", created["id"]);
    }
    let key = house.print(&["keys", "create", "--publishable"]);
    assert_eq!(server.mint(&key, PAGE).0, 201);
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap()
}
