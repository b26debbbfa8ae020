//! Who a client is, and what it knows to be true: nobody else changes it.

use fastrand::Rng;
use serde_json::{Value, json};

/// A player reports so often.
const SECONDS_PER_REPORT: u32 = 10;

/// In so many reports one is of another content.
const REPORTS_PER_CONTENT: u32 = 20;

/// A user of the service.
#[derive(Debug)]
pub(super) struct Learner {
    user: u32,
    identity: Identity,
    /// The settings that the service has confirmed.
    settings: Option<Value>,
    /// The content that plays, and the position that the service has confirmed.
    playing: Option<(u32, Option<u32>)>,
}

/// Whether other clients are the same user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Identity {
    /// No: what it wrote is what it must read.
    Own,
    /// Yes: it may read what they wrote.
    Shared,
}

impl Learner {
    /// The client of this number, from 0, of so many.
    pub(super) fn new(number: u32, clients: u32, users: u32) -> Self {
        Self {
            user: number % users + 1,
            identity: match clients <= users {
                true => Identity::Own,
                false => Identity::Shared,
            },
            settings: None,
            playing: None,
        }
    }

    pub(super) fn settings_path(&self) -> String {
        format!("/users/{}/settings", self.user)
    }

    /// What a read of the settings must answer, where that is known.
    pub(super) fn known_settings(&self) -> Option<Value> {
        let known = self.settings.clone();
        known.filter(|_| self.identity == Identity::Own)
    }

    /// Other settings. Until they are confirmed, nobody knows which ones there are.
    pub(super) fn other_settings(&mut self, rng: &mut Rng) -> Value {
        self.settings = None;
        let languages = ["de", "en", "es", "fr", "it"];
        json!({
            "language": languages[rng.usize(..languages.len())],
            "daily_minutes": rng.u32(5..=120),
            "reminders": rng.bool(),
        })
    }

    pub(super) fn confirm_settings(&mut self, settings: Value) {
        self.settings = Some(settings);
    }

    /// The content that plays, if one does.
    pub(super) fn playing(&self) -> Option<u32> {
        self.playing.map(|(content, _)| content)
    }

    pub(super) fn progress_path(&self, content: u32) -> String {
        format!("/users/{}/progress/{content}", self.user)
    }

    /// What a read of the progress must answer, where that is known.
    pub(super) fn known_progress(&self) -> Option<Value> {
        let (content, position) = self.playing?;
        let position = position.filter(|_| self.identity == Identity::Own)?;
        Some(json!({ "user": self.user, "content": content, "position": position }))
    }

    /// Plays on, or begins with `other`: the content and how far it is. Until that is
    /// confirmed, nobody knows what the service has.
    pub(super) fn play(&mut self, other: u32, rng: &mut Rng) -> (u32, u32) {
        let goes_on = rng.u32(..REPORTS_PER_CONTENT) > 0;
        let (content, position) = match self.playing {
            Some((content, Some(position))) if goes_on => (content, position + SECONDS_PER_REPORT),
            _ => (other, 0),
        };
        self.playing = Some((content, None));
        (content, position)
    }

    pub(super) fn confirm_progress(&mut self, position: &Value) {
        let position = position.as_u64().and_then(|it| u32::try_from(it).ok());
        if let Some((content, _)) = self.playing {
            self.playing = Some((content, position));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_confirmed_and_nobody_elses_is_known() {
        let mut rng = Rng::with_seed(5);
        for (clients, is_known) in [(50, true), (51, false)] {
            let mut learner = Learner::new(6, clients, 50);
            let settings = learner.other_settings(&mut rng);
            assert_eq!(learner.known_settings(), None);
            learner.confirm_settings(settings.clone());
            let known = learner.known_settings();
            assert_eq!(known, is_known.then_some(settings));
            learner.other_settings(&mut rng);
            assert_eq!(learner.known_settings(), None);

            assert_eq!(learner.play(3, &mut rng), (3, 0));
            assert_eq!(learner.known_progress(), None);
            learner.confirm_progress(&json!(0));
            let begun = json!({ "user": 7, "content": 3, "position": 0 });
            assert_eq!(learner.known_progress(), is_known.then_some(begun));
        }
    }

    #[test]
    fn a_content_goes_on_for_a_while() {
        let (mut learner, mut rng) = (Learner::new(0, 1, 50), Rng::with_seed(5));
        let mut played = |number: u32| {
            let (content, position) = learner.play(number, &mut rng);
            learner.confirm_progress(&json!(position));
            content
        };
        let mut contents: Vec<u32> = (0..1_000).map(&mut played).collect();
        contents.dedup();
        assert!((20..100).contains(&contents.len()), "{}", contents.len());
    }
}
