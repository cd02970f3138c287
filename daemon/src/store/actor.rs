//! The threads that own the connections.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use rusqlite::Connection;
use tokio::sync::{mpsc, watch};

use super::{Store, StoreError};

/// Reads something and answers by itself; says whether it met damage.
pub(super) type ReadJob = Box<dyn FnOnce(&Connection) -> bool + Send>;

/// Answers a writer, once it is known whether the transaction was committed.
pub(super) type Settle = Box<dyn FnOnce(Result<(), StoreError>) + Send>;

/// Changes something, unless there is no transaction to do it in; says whether that worked, and how to answer.
pub(super) type WriteJob =
    Box<dyn FnOnce(Result<&Connection, StoreError>) -> (Result<(), StoreError>, Settle) + Send>;

/// How many writes one transaction holds at most, so that the first of them does not wait for long.
const MAX_GROUP: usize = 64;

/// How many jobs wait for a thread before whoever asks next has to wait too.
const QUEUE: usize = 1024;

/// The threads of a store.
#[derive(Debug)]
pub(super) struct Threads {
    pub(super) writer: Group,
    pub(super) readers: Group,
}

/// Threads that end together.
#[derive(Debug)]
pub(super) struct Group(Vec<JoinHandle<()>>);

impl Group {
    pub(super) fn join(self) {
        for thread in self.0 {
            // A thread that panicked has said so on stderr already.
            let _ = thread.join();
        }
    }
}

/// Starts one thread that writes and one for each of `reading`.
pub(super) fn start(writing: Connection, reading: Vec<Connection>) -> Result<Store, StoreError> {
    let (writes, to_write) = mpsc::channel(QUEUE);
    let (reads, to_read) = mpsc::channel(QUEUE);
    let (damage, damaged) = watch::channel(false);
    let damage = Arc::new(damage);
    let to_read = Arc::new(Mutex::new(to_read));
    let noticed = Arc::clone(&damage);
    let name = |role: &str| std::thread::Builder::new().name(format!("store-{role}"));
    let thread = name("write").spawn(move || write_loop(&writing, to_write, &noticed))?;
    let mut readers = Vec::with_capacity(reading.len());
    for connection in reading {
        let (jobs, noticed) = (Arc::clone(&to_read), Arc::clone(&damage));
        readers.push(name("read").spawn(move || read_loop(&connection, &jobs, &noticed))?);
    }
    Ok(Store {
        writes,
        reads,
        damaged,
        threads: Threads { writer: Group(vec![thread]), readers: Group(readers) },
    })
}

fn read_loop(connection: &Connection, jobs: &Mutex<mpsc::Receiver<ReadJob>>, damage: &watch::Sender<bool>) {
    loop {
        let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).blocking_recv();
        let Some(job) = job else { return };
        if job(connection) {
            damage.send_replace(true);
        }
    }
}

fn write_loop(connection: &Connection, mut jobs: mpsc::Receiver<WriteJob>, damage: &watch::Sender<bool>) {
    while let Some(first) = jobs.blocking_recv() {
        let mut group = vec![first];
        while group.len() < MAX_GROUP
            && let Ok(next) = jobs.try_recv()
        {
            group.push(next);
        }
        write_group(connection, group, damage);
    }
}

fn write_group(connection: &Connection, group: Vec<WriteJob>, damage: &watch::Sender<bool>) {
    let mut waiting = Vec::with_capacity(group.len());
    let mut transaction = connection.execute_batch("BEGIN IMMEDIATE").map_err(StoreError::from);
    for job in group {
        let (outcome, settle) = match transaction {
            Ok(()) => write_one(connection, job),
            Err(error) => (Err(error.clone()), job(Err(error)).1),
        };
        waiting.push(settle);
        transaction = outcome;
    }
    let committed = transaction.and_then(|()| connection.execute_batch("COMMIT").map_err(StoreError::from));
    if let Err(error) = &committed {
        // Fails if there is no transaction left to undo, which is as good.
        let _ = connection.execute_batch("ROLLBACK");
        tracing::error!(error = error as &dyn std::error::Error, "a transaction failed");
        if error.is_damage() {
            damage.send_replace(true);
        }
    }
    for settle in waiting {
        settle(committed.clone());
    }
}

/// Runs one job in a savepoint. The first result says whether the transaction can go on.
fn write_one(connection: &Connection, job: WriteJob) -> (Result<(), StoreError>, Settle) {
    if let Err(error) = connection.execute_batch("SAVEPOINT job").map_err(StoreError::from) {
        return (Err(error.clone()), job(Err(error)).1);
    }
    let (outcome, settle) = job(Ok(connection));
    let end = match &outcome {
        Ok(()) => "RELEASE job",
        Err(_) => "ROLLBACK TO job; RELEASE job",
    };
    let closed = connection.execute_batch(end).map_err(StoreError::from);
    match outcome {
        Err(error) if error.is_damage() => (Err(error), settle),
        Ok(()) | Err(_) => (closed, settle),
    }
}
