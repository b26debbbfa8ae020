//! What a client does next.

use fastrand::Rng;

use super::zipf::Zipf;
use crate::database::Sample;
use crate::source::Source;

/// Of so many reads one goes past the cache, to be compared with the others.
const READS_PER_BYPASS: u32 = 20;

/// What a client does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Read(Item, Source),
    Rename {
        user: u32,
    },
    /// The client's own, whoever that is.
    ChangeSettings,
    /// How far the client is in what plays, or that it begins with this content.
    Report {
        content: u32,
    },
    Login {
        user: u32,
    },
    Logout,
    Search,
}

/// What a client reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Item {
    User(u32),
    Content(u32),
    AbsentContent(u32),
    Contents { course: u32 },
    Settings(u32),
    OwnSettings,
    OwnProgress,
    OwnSession,
}

/// What is done, and how often in a thousand times.
const MIX: [(u32, Kind); 14] = [
    (355, Kind::User),
    (245, Kind::Content),
    (10, Kind::AbsentContent),
    (10, Kind::Contents),
    (25, Kind::Settings),
    (15, Kind::OwnSettings),
    (40, Kind::OwnProgress),
    (90, Kind::OwnSession),
    (25, Kind::Rename),
    (15, Kind::ChangeSettings),
    (145, Kind::Report),
    (19, Kind::Login),
    (5, Kind::Logout),
    (1, Kind::Search),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    User,
    Content,
    AbsentContent,
    Contents,
    Settings,
    OwnSettings,
    OwnProgress,
    OwnSession,
    Rename,
    ChangeSettings,
    Report,
    Login,
    Logout,
    Search,
}

/// Chooses what clients do.
#[derive(Debug)]
pub(super) struct Plan {
    users: Zipf,
    contents: Zipf,
    courses: Zipf,
    sample: Sample,
}

impl Plan {
    pub(super) fn new(sample: Sample) -> Self {
        Self {
            users: Zipf::new(sample.users),
            contents: Zipf::new(sample.contents()),
            courses: Zipf::new(sample.courses),
            sample,
        }
    }

    pub(super) fn choose(&self, rng: &mut Rng) -> Action {
        let item = match kind(rng) {
            Kind::User => Item::User(self.users.choose(rng)),
            Kind::Content => Item::Content(self.contents.choose(rng)),
            Kind::AbsentContent => {
                let beyond = self.sample.contents() + 1;
                Item::AbsentContent(rng.u32(beyond..beyond + 20))
            }
            Kind::Contents => Item::Contents {
                course: self.courses.choose(rng),
            },
            Kind::Settings => Item::Settings(self.users.choose(rng)),
            Kind::OwnSettings => Item::OwnSettings,
            Kind::OwnProgress => Item::OwnProgress,
            Kind::OwnSession => Item::OwnSession,
            Kind::Rename => {
                let user = self.users.choose(rng);
                return Action::Rename { user };
            }
            Kind::ChangeSettings => return Action::ChangeSettings,
            Kind::Report => {
                let content = self.contents.choose(rng);
                return Action::Report { content };
            }
            Kind::Login => {
                let user = self.users.choose(rng);
                return Action::Login { user };
            }
            Kind::Logout => return Action::Logout,
            Kind::Search => return Action::Search,
        };
        Action::Read(item, source(rng))
    }
}

fn kind(rng: &mut Rng) -> Kind {
    let all: u32 = MIX.iter().map(|(share, _)| share).sum();
    let mut at = rng.u32(..all);
    for (share, kind) in MIX {
        if at < share {
            return kind;
        }
        at -= share;
    }
    Kind::User
}

fn source(rng: &mut Rng) -> Source {
    if rng.u32(..READS_PER_BYPASS) == 0 {
        Source::Database
    } else {
        Source::Cache
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_actions() {
        let plan = Plan::new(Sample::small());
        let actions = |seed| {
            let mut rng = Rng::with_seed(seed);
            (0..100).map(|_| plan.choose(&mut rng)).collect::<Vec<_>>()
        };
        assert_eq!(actions(1), actions(1));
        assert_ne!(actions(1), actions(2));
    }

    #[test]
    fn all_kinds_are_chosen_as_often_as_the_mix_says() {
        assert_eq!(MIX.iter().map(|(share, _)| share).sum::<u32>(), 1_000);
        let mut rng = Rng::with_seed(3);
        let kinds: Vec<Kind> = (0..100_000).map(|_| kind(&mut rng)).collect();
        for (share, kind) in MIX {
            let found = kinds.iter().filter(|found| **found == kind).count();
            let expected = share as usize * 100;
            assert!(found.abs_diff(expected) < expected / 2, "{kind:?}: {found}");
        }
    }
}
