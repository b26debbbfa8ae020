//! The build that is being replaced.

use larder::Cacheable;
use serde::{Deserialize, Serialize};

use crate::build::{Origin, Version};

#[derive(Cacheable, Serialize, Deserialize)]
pub(crate) struct User {
    pub(crate) name: String,
    pub(crate) email: String,
}

impl Version for User {
    fn new(key: u64) -> Self {
        Self {
            name: format!("user {key}"),
            email: format!("{key}@old"),
        }
    }

    fn origin(&self, key: u64) -> Origin {
        assert_eq!(self.name, format!("user {key}"));
        assert_eq!(self.email, format!("{key}@old"));
        Origin::Own
    }
}
