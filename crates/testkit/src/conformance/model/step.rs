//! One random operation, on the model and on the backend.

use fastrand::Rng;
use larder_cache_core::{Bytes, Condition, Expiry, Key, Lifetime, Operation, Reply, Write};

use super::content::{Content, HOUR};
use super::fenced::{Ask, Came, Connections, End, fill, lease};
use super::store::{Held, Model};
use crate::conformance::subject::Subject;

pub(super) const KEYS: usize = 20;

/// An operation on keys by number.
#[derive(Clone, Debug)]
pub(super) enum Step {
    Get(Vec<usize>),
    Head(Vec<usize>, usize),
    Set(Vec<Put>),
    Delete(Vec<usize>),
    Exists(Vec<usize>),
    Ttl(Vec<usize>),
    Expire(Vec<usize>, Ends),
    Lease(Vec<Ask>),
    Fill(Vec<End>),
    MarkStale(Vec<usize>),
    Scan(usize),
    Pipeline(Vec<Single>),
}

#[derive(Clone, Debug)]
pub(super) enum Single {
    Get(usize),
    Set(Put),
    Delete(usize),
    Expire(usize, Ends),
}

#[derive(Clone, Debug)]
pub(super) struct Put {
    key: usize,
    held: Held,
    condition: Condition,
}

/// Which of its two ends an entry is given.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ends {
    soft: bool,
    hard: bool,
}

/// What an operation answered.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Contents(Vec<Option<Content>>),
    Heads(Vec<Option<(usize, bool)>>),
    Flags(Vec<bool>),
    Count(u64),
    Ends(Vec<Option<bool>>),
    Keys(Vec<String>),
    Leases(Vec<Came>),
    Each(Vec<Self>),
}

impl Step {
    pub(super) fn random(rng: &mut Rng) -> Self {
        match rng.u8(0..16) {
            0 | 1 => Self::Get(keys(rng)),
            2 => Self::Head(keys(rng), rng.usize(0..150)),
            3..=5 => Self::Set((0..rng.usize(0..4)).map(|_| Put::random(rng)).collect()),
            6 => Self::Delete(keys(rng)),
            7 => Self::Exists(keys(rng)),
            8 => Self::Ttl(keys(rng)),
            9 if rng.bool() => Self::Scan(rng.usize(1..30)),
            9 => Self::Expire(keys(rng), Ends::random(rng)),
            10 | 11 => Self::Lease((0..rng.usize(0..5)).map(|_| Ask::random(rng)).collect()),
            12 | 13 => Self::Fill((0..rng.usize(0..5)).map(|_| End::random(rng)).collect()),
            14 => Self::MarkStale(keys(rng)),
            _ => Self::Pipeline((0..rng.usize(0..6)).map(|_| Single::random(rng)).collect()),
        }
    }

    pub(super) fn on_model(&self, model: &mut Model) -> Answer {
        match self {
            Self::Get(keys) => {
                let content = |key| model.get(key).map(|held| held.content.clone());
                Answer::Contents(each(keys, content))
            }
            Self::Head(keys, _) => {
                let head = |held: &Held| (held.content.encode().len(), held.ends);
                Answer::Heads(each(keys, |key| model.get(key).map(head)))
            }
            Self::Set(puts) => Answer::Flags(puts.iter().map(|put| put.on_model(model)).collect()),
            Self::Delete(keys) => {
                let deleted = keys.iter().filter(|key| model.delete(**key));
                Answer::Count(deleted.count() as u64)
            }
            Self::Exists(keys) => Answer::Flags(each(keys, |key| model.get(key).is_some())),
            Self::Ttl(keys) => {
                let ends = |key| model.get(key).map(|held| held.ends);
                Answer::Ends(each(keys, ends))
            }
            Self::Expire(keys, ends) => {
                let expire = |key| model.expire(key, ends.soft, ends.hard);
                Answer::Flags(each(keys, expire))
            }
            Self::Lease(asks) => {
                Answer::Leases(asks.iter().map(|ask| ask.on_model(model)).collect())
            }
            Self::Fill(ends) => Answer::Flags(ends.iter().map(|end| end.on_model(model)).collect()),
            Self::MarkStale(keys) => Answer::Flags(each(keys, |key| model.mark_stale(key))),
            Self::Scan(_) => {
                let mut names: Vec<_> = model.keys().into_iter().map(name).collect();
                names.sort();
                Answer::Keys(names)
            }
            Self::Pipeline(singles) => Answer::Each(
                singles
                    .iter()
                    .map(|single| single.on_model(model))
                    .collect(),
            ),
        }
    }

    pub(super) async fn on_backend(
        &self,
        subject: &Subject,
        connections: &mut Connections,
    ) -> Answer {
        let keys_of = |keys: &[usize]| each(keys, |key| subject.key(&name(key)));
        match self {
            Self::Get(keys) => {
                let values = subject.get_all(&keys_of(keys)).await;
                Answer::Contents(values.into_iter().map(read).collect())
            }
            Self::Head(keys, bytes) => Answer::Heads(heads(subject, &keys_of(keys), *bytes).await),
            Self::Set(puts) => {
                let writes: Vec<_> = puts.iter().map(|put| put.write(subject)).collect();
                let stored = subject.backend().set(&writes, subject.call()).await;
                Answer::Flags(stored.expect("set"))
            }
            Self::Delete(keys) => Answer::Count(subject.delete(&keys_of(keys)).await),
            Self::Exists(keys) => Answer::Flags(subject.exists(&keys_of(keys)).await),
            Self::Ttl(keys) => {
                let ttls = subject.backend().ttl(&keys_of(keys), subject.call()).await;
                let ends = |expiry: Option<Expiry>| expiry.map(|expiry| expiry != Expiry::Never);
                Answer::Ends(ttls.expect("ttl").into_iter().map(ends).collect())
            }
            Self::Expire(keys, ends) => {
                Answer::Flags(subject.expire(&keys_of(keys), ends.lifetime()).await)
            }
            Self::Lease(asks) => Answer::Leases(lease(subject, asks, connections).await),
            Self::Fill(ends) => Answer::Flags(fill(subject, ends, connections).await),
            Self::MarkStale(keys) => Answer::Flags(subject.mark_stale(&keys_of(keys)).await),
            Self::Scan(limit) => Answer::Keys(scan(subject, *limit).await),
            Self::Pipeline(singles) => {
                let operations: Vec<_> = singles.iter().map(|s| s.operation(subject)).collect();
                let replies = subject
                    .backend()
                    .pipeline(&operations, subject.call())
                    .await;
                Answer::Each(replies.expect("pipeline").into_iter().map(answer).collect())
            }
        }
    }
}

impl Single {
    fn random(rng: &mut Rng) -> Self {
        match rng.u8(0..4) {
            0 => Self::Get(rng.usize(..KEYS)),
            1 => Self::Set(Put::random(rng)),
            2 => Self::Delete(rng.usize(..KEYS)),
            _ => Self::Expire(rng.usize(..KEYS), Ends::random(rng)),
        }
    }

    fn on_model(&self, model: &mut Model) -> Answer {
        match self {
            Self::Get(key) => {
                let content = model.get(*key).map(|held| held.content.clone());
                Answer::Contents(vec![content])
            }
            Self::Set(put) => Answer::Flags(vec![put.on_model(model)]),
            Self::Delete(key) => Answer::Flags(vec![model.delete(*key)]),
            Self::Expire(key, ends) => {
                Answer::Flags(vec![model.expire(*key, ends.soft, ends.hard)])
            }
        }
    }

    fn operation(&self, subject: &Subject) -> Operation {
        let key = |key: &usize| subject.key(&name(*key));
        match self {
            Self::Get(of) => Operation::Get(key(of)),
            Self::Set(put) => Operation::Set(put.write(subject)),
            Self::Delete(of) => Operation::Delete(key(of)),
            Self::Expire(of, ends) => Operation::Expire(key(of), ends.lifetime()),
        }
    }
}

impl Put {
    fn random(rng: &mut Rng) -> Self {
        let conditions = [Condition::Always, Condition::IfAbsent, Condition::IfPresent];
        Self {
            key: rng.usize(..KEYS),
            held: Held::random(rng),
            condition: conditions[rng.usize(..3)],
        }
    }

    fn on_model(&self, model: &mut Model) -> bool {
        model.set(self.key, &self.held, self.condition)
    }

    fn write(&self, subject: &Subject) -> Write {
        Write {
            key: subject.key(&name(self.key)),
            value: self.held.content.encode(),
            ttl: self.held.ends.then_some(HOUR),
            condition: self.condition,
        }
    }
}

impl Ends {
    fn random(rng: &mut Rng) -> Self {
        Self {
            soft: rng.bool(),
            hard: rng.bool(),
        }
    }

    fn lifetime(self) -> Lifetime {
        Lifetime {
            soft: self.soft.then_some(HOUR / 2),
            hard: self.hard.then_some(HOUR),
        }
    }
}

fn keys(rng: &mut Rng) -> Vec<usize> {
    (0..rng.usize(0..5)).map(|_| rng.usize(..KEYS)).collect()
}

pub(super) fn name(key: usize) -> String {
    format!("key {key}")
}

fn each<T>(keys: &[usize], of: impl FnMut(usize) -> T) -> Vec<T> {
    keys.iter().copied().map(of).collect()
}

fn read(stored: Option<Bytes>) -> Option<Content> {
    stored.map(|bytes| Content::read(&bytes))
}

async fn heads(subject: &Subject, keys: &[Key], bytes: usize) -> Vec<Option<(usize, bool)>> {
    let values = subject.get_all(keys).await;
    let heads = subject.head(keys, bytes).await;
    for (head, value) in heads.iter().zip(values) {
        let beginning = value.map(|value| value.slice(..bytes.min(value.len())));
        assert_eq!(head.as_ref().map(|head| head.bytes.clone()), beginning);
    }
    heads
        .into_iter()
        .map(|head| head.map(|head| (head.total_bytes, head.expiry != Expiry::Never)))
        .collect()
}

async fn scan(subject: &Subject, limit: usize) -> Vec<String> {
    let mut found = subject.scan(&subject.pattern("*"), limit).await;
    found.dedup();
    let start = subject.key("x").as_str().len() - 1;
    found
        .into_iter()
        .map(|key| key[start..].to_owned())
        .collect()
}

fn answer(reply: larder_cache_core::Result<Reply>) -> Answer {
    match reply {
        Ok(Reply::Value(value)) => Answer::Contents(vec![read(value)]),
        Ok(Reply::Done(done)) => Answer::Flags(vec![done]),
        other => panic!("an unexpected reply: {other:?}"),
    }
}
