//! One client.

use std::sync::Arc;
use std::time::Instant;

use axum::body::Bytes;
use axum::http::{Method, StatusCode};
use fastrand::Rng;
use serde_json::{Value, json};

use super::http::Http;
use super::plan::{Action, Item, Plan};
use super::recorder::{Outcome, Recorder};
use crate::source::Source;

/// A client: does what the plan says and records how it went.
#[derive(Debug)]
pub(super) struct Client {
    http: Http,
    plan: Arc<Plan>,
    recorder: Arc<Recorder>,
    rng: Rng,
    /// The token, while logged in.
    session: Option<String>,
}

/// A request, and the answer that is right.
struct Exchange {
    method: Method,
    path: String,
    body: Option<Value>,
    expected: StatusCode,
}

impl Client {
    pub(super) fn new(http: Http, plan: Arc<Plan>, recorder: Arc<Recorder>, rng: Rng) -> Self {
        Self {
            http,
            plan,
            recorder,
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
        let exchange = self.exchange(action);
        let asked = format!("{} {}", exchange.method, exchange.path);
        let began = Instant::now();
        let answer = self
            .http
            .send(exchange.method, &exchange.path, exchange.body);
        let answer = answer.await;
        let took = began.elapsed();
        let outcome = match answer {
            Ok((status, body)) if status == exchange.expected => {
                self.learn(action, &body);
                match action {
                    Action::Read(_, source) => Outcome::Read(source, took),
                    Action::Search => Outcome::Search {
                        complete: says_complete(&body),
                    },
                    _ => Outcome::Done,
                }
            }
            Ok((status, body)) => {
                let body = String::from_utf8_lossy(&body);
                Outcome::Failed(format!("{asked}: {status}: {body}"))
            }
            Err(error) => Outcome::Failed(format!("{asked}: {error}")),
        };
        self.recorder.record(outcome);
    }

    /// What the plan says, but who wants to see their session has to log in first.
    fn choose(&mut self) -> Action {
        match self.plan.choose(&mut self.rng) {
            Action::Logout | Action::Read(Item::OwnSession, _) if self.session.is_none() => {
                Action::Login { user: 1 }
            }
            action => action,
        }
    }

    /// Remembers the session that a login began, or that a logout ended it.
    fn learn(&mut self, action: Action, body: &Bytes) {
        match action {
            Action::Login { .. } => {
                let session: Option<Value> = serde_json::from_slice(body).ok();
                let token = session
                    .as_ref()
                    .and_then(|session| session["token"].as_str());
                self.session = token.map(ToOwned::to_owned);
            }
            Action::Logout => self.session = None,
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
        let (mut path, expected) = match item {
            Item::User(id) => (format!("/users/{id}"), StatusCode::OK),
            Item::Content(id) => (format!("/content/{id}"), StatusCode::OK),
            Item::AbsentContent(id) => (format!("/content/{id}"), StatusCode::NOT_FOUND),
            Item::Contents { course } => (format!("/courses/{course}/contents"), StatusCode::OK),
            Item::OwnSession => (self.session_path(), StatusCode::OK),
        };
        if source == Source::Database {
            path.push_str("?cache=bypass");
        }
        exchange(Method::GET, path, None, expected)
    }

    fn session_path(&self) -> String {
        format!("/sessions/{}", self.session.as_deref().unwrap_or_default())
    }
}

fn exchange(method: Method, path: String, body: Option<Value>, expected: StatusCode) -> Exchange {
    Exchange {
        method,
        path,
        body,
        expected,
    }
}

fn says_complete(body: &Bytes) -> bool {
    let answer: Option<Value> = serde_json::from_slice(body).ok();
    answer.is_some_and(|answer| answer["complete"] == true)
}
