//! Many tasks at once.

use std::sync::Arc;

use fastrand::Rng;
use larder_cache_core::{Bytes, Condition};
use tokio::task::JoinSet;

use super::subject::{Subject, write, write_if};

/// Every answer goes to the task that asked.
pub async fn tasks_never_see_values_of_others(subject: &Subject) {
    let mut tasks = JoinSet::new();
    for task in 0..64 {
        let keys = [0, 1, 2].map(|n| subject.key(&format!("{task}:{n}")));
        let (backend, call) = (Arc::clone(subject.backend()), subject.call());
        tasks.spawn(async move {
            for round in 0..50 {
                let values = [0, 1, 2].map(|n| Bytes::from(format!("{task}:{n}:{round}")));
                let writes = [0, 1, 2].map(|n| write(&keys[n], values[n].clone()));
                let stored = backend.set(&writes, call).await.expect("set");
                assert_eq!(stored, [true; 3]);
                let found = backend.get(&keys[..1], call).await.expect("get");
                assert_eq!(found, [Some(values[0].clone())]);
                let found = backend.get(&keys, call).await.expect("get");
                assert_eq!(found, values.map(Some));
            }
        });
    }
    join(tasks).await;
}

/// A value is one that was written, never parts of two.
pub async fn writes_are_whole(subject: &Subject) {
    let key = subject.key("contended");
    let mut tasks = JoinSet::new();
    for task in 0..8_u8 {
        let (backend, call, key) = (Arc::clone(subject.backend()), subject.call(), key.clone());
        tasks.spawn(async move {
            let mut rng = Rng::with_seed(task.into());
            for _ in 0..50 {
                let value = vec![b'a' + task; rng.usize(1..20_000)];
                let stored = backend.set(&[write(&key, value)], call).await;
                assert_eq!(stored.expect("set"), [true]);
                let found = backend.get(std::slice::from_ref(&key), call).await;
                let found = found.expect("get").remove(0).expect("a value");
                assert!(found.iter().all(|byte| *byte == found[0]), "a torn value");
            }
        });
    }
    join(tasks).await;
}

/// Of all that store at once where there is nothing, one is told that it did.
pub async fn one_of_many_if_absent_wins(subject: &Subject) {
    for round in 0..20 {
        let key = subject.key(&round.to_string());
        let mut tasks = JoinSet::new();
        for task in 0..16 {
            let (backend, call) = (Arc::clone(subject.backend()), subject.call());
            let write = write_if(&key, task.to_string(), Condition::IfAbsent);
            tasks.spawn(async move {
                let stored = backend.set(&[write], call).await.expect("set");
                (stored[0], task)
            });
        }
        let winners: Vec<i32> = join(tasks)
            .await
            .into_iter()
            .filter_map(|(won, task)| won.then_some(task))
            .collect();
        assert_eq!(winners.len(), 1, "{winners:?} were told that they stored");
        let expected = Bytes::from(winners[0].to_string());
        assert_eq!(subject.get(&key).await, Some(expected));
    }
}

pub(super) async fn join<T: 'static>(mut tasks: JoinSet<T>) -> Vec<T> {
    let mut results = Vec::new();
    while let Some(result) = tasks.join_next().await {
        results.push(result.expect("no panic"));
    }
    results
}
