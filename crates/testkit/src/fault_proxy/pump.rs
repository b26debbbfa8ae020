use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::time::Duration;

use fastrand::Rng;
use tokio::io::AsyncWriteExt;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::fault::{Direction, NetworkFault, Treatment};

/// How much of one direction is kept here; the rest waits in the kernel's buffers.
const LONGEST_QUEUE_BYTES: usize = 1 << 20;
const CHUNK_BYTES: usize = 16 * 1024;

/// A throttled direction passes so many parts in a second.
const PARTS_PER_SECOND: u32 = 50;

/// Carries the bytes of one direction of one connection.
pub(super) struct Pump<'a> {
    pub(super) direction: Direction,
    /// The number of the connection: each is damaged in places of its own.
    pub(super) connection: u64,
    pub(super) from: &'a OwnedReadHalf,
    pub(super) to: &'a mut OwnedWriteHalf,
    pub(super) faults: watch::Receiver<NetworkFault>,
}

/// What was read and has not passed yet.
#[derive(Default)]
struct Queue {
    chunks: VecDeque<Chunk>,
    bytes: usize,
    has_ended: bool,
}

struct Chunk {
    arrived: Instant,
    bytes: Vec<u8>,
    written: usize,
    is_corrupted: bool,
}

/// The fault as far as it has come on this direction.
struct Progress {
    treatment: Treatment,
    rng: Rng,
    passed: u64,
    next_part_at: Instant,
}

impl Pump<'_> {
    /// Until the end of the direction was passed on.
    ///
    /// # Errors
    ///
    /// When the connection has to be reset, because a fault says so or one of its ends was.
    pub(super) async fn run(mut self) -> io::Result<()> {
        let mut queue = Queue::default();
        loop {
            let fault = *self.faults.borrow_and_update();
            let mut progress = Progress::new(fault.treatment_of(self.direction), self.connection);
            while !self.faults.has_changed().map_err(|_| aborted())? {
                progress.prepare(&mut queue)?;
                if queue.is_done() && progress.treatment != Treatment::Withhold {
                    return self.to.shutdown().await;
                }
                self.step(&mut queue, &mut progress).await?;
            }
        }
    }

    /// Waits for one thing that can happen. The change of a fault comes first, and no byte that
    /// was sent after it is treated as before: what is read here waits for the next look at it.
    async fn step(&mut self, queue: &mut Queue, progress: &mut Progress) -> io::Result<()> {
        let due = progress.due(queue);
        let now = Instant::now();
        let can_read = progress.treatment != Treatment::Withhold && queue.has_room();
        tokio::select! {
            biased;
            changed = self.faults.changed() => {
                changed.map_err(|_| aborted())?;
                // For the caller to see it once more.
                self.faults.mark_changed();
            }
            ready = self.to.writable(), if due.is_some_and(|due| due <= now) => {
                ready?;
                if !self.faults.has_changed().map_err(|_| aborted())? {
                    write(self.to, queue, progress)?;
                }
            }
            () = sleep_until(due.unwrap_or(now)), if due.is_some_and(|due| due > now) => {}
            ready = self.from.readable(), if can_read => {
                ready?;
                queue.read(self.from)?;
            }
        }
        Ok(())
    }
}

impl Queue {
    fn has_room(&self) -> bool {
        !self.has_ended && self.bytes < LONGEST_QUEUE_BYTES
    }

    fn is_done(&self) -> bool {
        self.has_ended && self.chunks.is_empty()
    }

    fn read(&mut self, from: &OwnedReadHalf) -> io::Result<()> {
        let mut bytes = vec![0; CHUNK_BYTES];
        match from.try_read(&mut bytes) {
            Ok(0) => self.has_ended = true,
            Ok(length) => {
                bytes.truncate(length);
                self.bytes += length;
                self.chunks.push_back(Chunk {
                    arrived: Instant::now(),
                    bytes,
                    written: 0,
                    is_corrupted: false,
                });
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    fn clear(&mut self) {
        self.chunks.clear();
        self.bytes = 0;
    }

    fn remove(&mut self, written: usize) {
        let Some(front) = self.chunks.front_mut() else {
            return;
        };
        self.bytes -= written;
        front.written += written;
        if front.written == front.bytes.len() {
            self.chunks.pop_front();
        }
    }
}

impl Progress {
    fn new(treatment: Treatment, connection: u64) -> Self {
        let seed = match treatment {
            Treatment::Corrupt { seed, .. } => seed,
            _ => 0,
        };
        Self {
            treatment,
            // Far from each other: neighbouring seeds must not damage the same places.
            rng: Rng::with_seed(seed ^ connection.wrapping_mul(0x9E37_79B9_7F4A_7C15)),
            passed: 0,
            next_part_at: Instant::now(),
        }
    }

    /// What the fault does before anything is written.
    fn prepare(&mut self, queue: &mut Queue) -> io::Result<()> {
        match self.treatment {
            Treatment::Discard => queue.clear(),
            Treatment::CutAfter(bytes) if self.passed >= bytes => return Err(aborted()),
            Treatment::Corrupt { one_in, .. } => {
                for chunk in queue.chunks.iter_mut().filter(|chunk| !chunk.is_corrupted) {
                    corrupt(&mut chunk.bytes, &mut self.rng, one_in);
                    chunk.is_corrupted = true;
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// When the front of the queue may pass; never, when there is none or it is withheld.
    fn due(&self, queue: &Queue) -> Option<Instant> {
        let front = queue.chunks.front()?;
        match self.treatment {
            Treatment::Withhold => None,
            Treatment::Late(by) => Some(front.arrived + by),
            Treatment::Slowly(_) => Some(self.next_part_at),
            _ => Some(front.arrived),
        }
    }

    fn most_bytes(&self) -> usize {
        match self.treatment {
            Treatment::Slowly(rate) => (rate / PARTS_PER_SECOND).max(1) as usize,
            Treatment::CutAfter(bytes) => {
                usize::try_from(bytes - self.passed).unwrap_or(usize::MAX)
            }
            _ => usize::MAX,
        }
    }

    fn record(&mut self, written: usize) {
        self.passed += written as u64;
        if let Treatment::Slowly(rate) = self.treatment {
            let took = Duration::from_secs_f64(written as f64 / f64::from(rate));
            self.next_part_at = self.next_part_at.max(Instant::now()) + took;
        }
    }
}

fn write(to: &OwnedWriteHalf, queue: &mut Queue, progress: &mut Progress) -> io::Result<()> {
    let Some(front) = queue.chunks.front() else {
        return Ok(());
    };
    let bytes = &front.bytes[front.written..];
    let part = &bytes[..bytes.len().min(progress.most_bytes())];
    match to.try_write(part) {
        Ok(written) => {
            queue.remove(written);
            progress.record(written);
            Ok(())
        }
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(()),
        Err(error) => Err(error),
    }
}

/// Flips at least one bit of each byte that is chosen.
fn corrupt(bytes: &mut [u8], rng: &mut Rng, one_in: u32) {
    for byte in bytes {
        if rng.u32(..one_in) == 0 {
            *byte ^= rng.u8(1..);
        }
    }
}

fn aborted() -> io::Error {
    ErrorKind::ConnectionAborted.into()
}
