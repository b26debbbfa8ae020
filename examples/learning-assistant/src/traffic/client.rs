//! One client.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Bytes;
use axum::http::{Method, StatusCode};
use fastrand::Rng;
use serde_json::{Value, json};

use super::http::Http;
use super::learner::Learner;
use super::plan::{Action, Item, Plan};
use super::recorder::{Outcome, Recorder, Write};
use crate::source::Source;

/// A client: does what the plan says and records how it went.
#[derive(Debug)]
pub(super) struct Client {
    http: Http,
    plan: Arc<Plan>,
    recorder: Arc<Recorder>,
    learner: Learner,
    rng: Rng,
    /// The token, while logged in.
    session: Option<String>,
}

/// A request, and the answer that is right.
struct Exchange {
    method: Method,
    path: String,
    body: Option<Value>,
    expected: Expected,
}

/// What is right.
enum Expected {
    Status(StatusCode),
    /// 200 with this.
    Answer(Value),
    /// Something, or that there is nothing yet.
    Perhaps,
}

impl Expected {
    fn is(&self, status: StatusCode, body: &Bytes) -> bool {
        match self {
            Self::Status(expected) => status == *expected,
            Self::Answer(expected) => {
                status == StatusCode::OK && json(body) == Some(expected.clone())
            }
            Self::Perhaps => matches!(status, StatusCode::OK | StatusCode::NOT_FOUND),
        }
    }
}

impl Client {
    pub(super) fn new(
        http: Http,
        plan: Arc<Plan>,
        recorder: Arc<Recorder>,
        learner: Learner,
        rng: Rng,
    ) -> Self {
        Self {
            http,
            plan,
            recorder,
            learner,
            rng,
            session: None,
        }
    }

    pub(super) fn rng(&mut self) -> &mut Rng {
        &mut self.rng
    }

    /// Sends one request and waits for its answer.
    pub(super) async fn act(&mut self) {
        let action = self.choose();
        let Exchange {
            method,
            path,
            body,
            expected,
        } = self.exchange(action);
        let asked = format!("{method} {path}");
        let began = Instant::now();
        let answer = self.http.send(method, &path, body.clone()).await;
        let took = began.elapsed();
        let outcome = match answer {
            Ok((status, answer)) if expected.is(status, &answer) => {
                self.learn(action, body, &answer);
                outcome(action, &answer, took)
            }
            Ok((status, answer)) => {
                let answer = String::from_utf8_lossy(&answer);
                Outcome::Failed(format!("{asked}: {status}: {answer}"))
            }
            Err(error) => Outcome::Failed(format!("{asked}: {error}")),
        };
        self.recorder.record(asked, took, outcome);
    }

    /// What the plan says, but who wants to see their session has to log in first, and who
    /// wants to go on where they were has to have been somewhere.
    fn choose(&mut self) -> Action {
        match self.plan.choose(&mut self.rng) {
            Action::Logout | Action::Read(Item::OwnSession, _) if self.session.is_none() => {
                Action::Login { user: 1 }
            }
            Action::Read(Item::OwnProgress, _) if self.learner.playing().is_none() => {
                Action::Report { content: 1 }
            }
            action => action,
        }
    }

    /// Remembers what a write that was answered has changed.
    fn learn(&mut self, action: Action, sent: Option<Value>, answer: &Bytes) {
        let sent = sent.unwrap_or_default();
        match action {
            Action::Login { .. } => {
                let session = json(answer);
                let token = session
                    .as_ref()
                    .and_then(|session| session["token"].as_str());
                self.session = token.map(ToOwned::to_owned);
            }
            Action::Logout => self.session = None,
            Action::ChangeSettings => self.learner.confirm_settings(sent),
            Action::Report { .. } => self.learner.confirm_progress(&sent["position"]),
            _ => {}
        }
    }

    fn exchange(&mut self, action: Action) -> Exchange {
        match action {
            Action::Read(item, source) => self.read(item, source),
            Action::Rename { user } => {
                let name = format!("Learner {}", self.rng.u16(..));
                let path = format!("/users/{user}");
                let body = Some(json!({ "name": name }));
                exchange(Method::PUT, path, body, StatusCode::NO_CONTENT)
            }
            Action::ChangeSettings => {
                let body = Some(self.learner.other_settings(&mut self.rng));
                let path = self.learner.settings_path();
                exchange(Method::PUT, path, body, StatusCode::NO_CONTENT)
            }
            Action::Report { content } => {
                let (content, position) = self.learner.play(content, &mut self.rng);
                let path = self.learner.progress_path(content);
                let body = Some(json!({ "position": position }));
                exchange(Method::POST, path, body, StatusCode::ACCEPTED)
            }
            Action::Login { user } => {
                let body = Some(json!({ "user": user }));
                exchange(Method::POST, "/sessions".into(), body, StatusCode::CREATED)
            }
            Action::Logout => {
                let path = self.session_path();
                exchange(Method::DELETE, path, None, StatusCode::NO_CONTENT)
            }
            Action::Search => {
                let path = "/search?pattern=profile:1*".into();
                exchange(Method::GET, path, None, StatusCode::OK)
            }
        }
    }

    fn read(&self, item: Item, source: Source) -> Exchange {
        let found = Expected::Status(StatusCode::OK);
        let (mut path, expected) = match item {
            Item::User(id) => (format!("/users/{id}"), found),
            Item::Content(id) => (format!("/content/{id}"), found),
            Item::AbsentContent(id) => {
                let absent = Expected::Status(StatusCode::NOT_FOUND);
                (format!("/content/{id}"), absent)
            }
            Item::Contents { course } => (format!("/courses/{course}/contents"), found),
            Item::Settings(user) => (format!("/users/{user}/settings"), found),
            Item::OwnSettings => {
                let known = self.learner.known_settings();
                let path = self.learner.settings_path();
                (path, known.map_or(found, Expected::Answer))
            }
            Item::OwnProgress => self.own_progress(source),
            Item::OwnSession => (self.session_path(), found),
        };
        if source == Source::Database {
            path.push_str("?cache=bypass");
        }
        Exchange {
            method: Method::GET,
            path,
            body: None,
            expected,
        }
    }

    /// The database may not have it yet; the cache must.
    fn own_progress(&self, source: Source) -> (String, Expected) {
        let content = self.learner.playing().unwrap_or(1);
        let known = match source {
            Source::Cache => self.learner.known_progress(),
            Source::Database => None,
        };
        let path = self.learner.progress_path(content);
        (path, known.map_or(Expected::Perhaps, Expected::Answer))
    }

    fn session_path(&self) -> String {
        format!("/sessions/{}", self.session.as_deref().unwrap_or_default())
    }
}

fn exchange(method: Method, path: String, body: Option<Value>, status: StatusCode) -> Exchange {
    Exchange {
        method,
        path,
        body,
        expected: Expected::Status(status),
    }
}

/// What is recorded of a right answer.
fn outcome(action: Action, answer: &Bytes, took: Duration) -> Outcome {
    match action {
        Action::Read(_, source) => Outcome::Read(source, took),
        Action::ChangeSettings => Outcome::Written(Write::Through, took),
        Action::Report { .. } => Outcome::Written(Write::Behind, took),
        Action::Search => Outcome::Search {
            complete: json(answer).is_some_and(|answer| answer["complete"] == true),
        },
        _ => Outcome::Done,
    }
}

fn json(body: &Bytes) -> Option<Value> {
    serde_json::from_slice(body).ok()
}
