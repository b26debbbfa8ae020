//! The build that replaces the other one, and reads its values.

use larder::Cacheable;
use serde::{Deserialize, Serialize};

use crate::build::{Origin, Version};
use crate::old;

#[derive(Cacheable, Serialize, Deserialize)]
#[cacheable(from(old::User))]
#[serde(rename_all = "camelCase")]
pub(crate) struct User {
    full_name: String,
    emails: Vec<String>,
    plan: Option<Plan>,
}

#[derive(Cacheable, Serialize, Deserialize, Debug, PartialEq)]
enum Plan {
    Paid { cents: u64 },
}

impl From<old::User> for User {
    fn from(old: old::User) -> Self {
        Self {
            full_name: old.name,
            emails: vec![old.email],
            plan: None,
        }
    }
}

impl Version for User {
    fn new(key: u64) -> Self {
        Self {
            full_name: format!("user {key}"),
            emails: vec![format!("{key}@new")],
            plan: Some(Plan::Paid { cents: key }),
        }
    }

    fn origin(&self, key: u64) -> Origin {
        assert_eq!(self.full_name, format!("user {key}"));
        if let Some(plan) = &self.plan {
            assert_eq!(*plan, Plan::Paid { cents: key });
            assert_eq!(self.emails, [format!("{key}@new")]);
            return Origin::Own;
        }
        assert_eq!(self.emails, [format!("{key}@old")]);
        Origin::Converted
    }
}
