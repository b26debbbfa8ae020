//! Many schedules at random: whatever happens, the database ends with the last write of each key.

use std::collections::BTreeMap;

use larder_cache_core::Random;
use larder_patterns::{WriteBehind, WriteBehindOptions};

use super::flaky::Operation;
use super::world::{Mood, SECOND, World, pass};

const KEYS: u64 = 8;
const STEPS: u64 = 400;

/// A generator that its seed determines (SplitMix64: Steele, Lea, Flood, 2014).
#[derive(Debug)]
struct Seeded(std::sync::atomic::AtomicU64);

impl Random for Seeded {
    fn next_u64(&self) -> u64 {
        const STEP: u64 = 0x9E37_79B9_7F4A_7C15;
        let state = self.0.fetch_add(STEP, std::sync::atomic::Ordering::Relaxed);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }
}

struct Process {
    world: World,
    numbers: WriteBehind<u32>,
}

fn process(world: &World) -> Process {
    let world = world.other_process();
    let options = WriteBehindOptions::new()
        .max_delay(SECOND / 2)
        .max_batch(3)
        .max_window(4)
        .claim(SECOND)
        .write_timeout(SECOND);
    let numbers = world.write_behind_with(options);
    Process { world, numbers }
}

/// The writes that the journal confirmed, or may have taken, of each key in order.
type Made = BTreeMap<String, Vec<(Option<u32>, bool)>>;

async fn run(seed: u64) {
    let random = Seeded(seed.into());
    let pick = |below: u64| random.next_u64() % below;
    let world = World::with_journal(|options| options.shards(2));
    let mut processes: Vec<_> = (0..2).map(|_| process(&world)).collect();
    let mut made = Made::new();
    for step in 0..u32::try_from(STEPS).unwrap() {
        let index = usize::try_from(pick(2)).unwrap();
        let key = format!("k{}", pick(KEYS));
        match pick(20) {
            0..9 => {
                let set = processes[index].numbers.set(&key, step).await;
                made.entry(key).or_default().push((Some(step), set.is_ok()));
            }
            9..12 => {
                let deleted = processes[index].numbers.delete(&key).await;
                made.entry(key).or_default().push((None, deleted.is_ok()));
            }
            12 => world.database.is(Mood::Down),
            13 => world.database.is(Mood::Silent),
            14 => world.database.is(Mood::Up),
            15 => world.journal.mend(),
            16 => {
                use Operation::{Acknowledge, Append, AppendReply, Bury, Read, Renew};
                let operations = [Append, AppendReply, Read, Renew, Acknowledge, Bury];
                let operation = operations[usize::try_from(pick(6)).unwrap()];
                world.journal.fail(operation);
            }
            // As by `kill -9`.
            17 => processes[index] = process(&world),
            _ => {
                let read = processes[index].numbers.get(&key).await;
                check_read(seed, &key, &made, read.unwrap().as_deref().copied(), &world);
            }
        }
        pass(SECOND / 100 * u32::try_from(pick(50)).unwrap()).await;
    }
    world.journal.mend();
    world.database.is(Mood::Up);
    pass(SECOND * 60).await;
    assert_eq!(world.depth().await, 0, "seed {seed}");
    assert_eq!(world.database.reordered(), [""; 0], "seed {seed}");
    for (key, writes) in &made {
        let row = world.database.row(key);
        assert!(
            possible(writes).contains(&row),
            "{key} is {row:?}, seed {seed}"
        );
        let cached = processes[0].world.numbers().get(key).await.unwrap();
        let cached = cached.as_deref().copied();
        assert!(
            cached.is_none() || cached == row,
            "{key} is cached as {cached:?}, seed {seed}"
        );
    }
    assert_eq!(
        processes[0].numbers.dead_letters(9).await.unwrap(),
        [],
        "seed {seed}"
    );
}

/// What the last write may be: the last one that was confirmed, or any later one, of which nobody
/// knows.
fn possible(writes: &[(Option<u32>, bool)]) -> Vec<Option<u32>> {
    let last = writes.iter().rposition(|(_, confirmed)| *confirmed);
    let later = writes[last.unwrap_or(0)..].iter().map(|(value, _)| *value);
    let nothing = last.is_none().then_some(None);
    later.chain(nothing).collect()
}

/// A read sees the last write, or nothing where it is in the database alone: never something
/// older.
fn check_read(seed: u64, key: &str, made: &Made, read: Option<u32>, world: &World) {
    let possible = possible(made.get(key).map_or(&[][..], Vec::as_slice));
    let in_database = read.is_none() && possible.contains(&world.database.row(key));
    assert!(
        possible.contains(&read) || in_database,
        "{key} is {read:?} and not one of {possible:?}, seed {seed}"
    );
}

#[tokio::test(start_paused = true)]
async fn the_database_ends_with_the_last_write_of_each_key() {
    for seed in 0..60 {
        run(seed).await;
    }
}
