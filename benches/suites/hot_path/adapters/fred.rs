use std::hint::black_box;
use std::sync::Arc;

use fred::prelude::{
    Builder, Client, ClientLike, Config, Error, Expiration, KeysInterface, TcpConfig,
};
use fred::types::RespVersion;

use super::{Adapter, TTL};
use crate::Failure;
use crate::profile::Profile;

/// One connection of `fred`, the other established driver, and `rmp-serde`.
pub(super) struct Fred(Client);

impl Fred {
    pub(super) async fn connect(url: &str) -> Result<Self, Failure> {
        let mut config = Config::from_url(url)?;
        config.version = RespVersion::RESP3;
        let client = Builder::from_config(config)
            .with_connection_config(|connection| {
                connection.tcp = TcpConfig {
                    nodelay: Some(true),
                    ..TcpConfig::default()
                };
            })
            .build()?;
        client.init().await?;
        Ok(Self(client))
    }
}

impl Adapter for Fred {
    const HAS_BATCHES: bool = true;

    async fn get(&self, key: &str) -> usize {
        decoded(self.0.get(prefixed(key)).await.map(|reply| vec![reply]))
    }

    async fn set(&self, key: &str, value: &Arc<Profile>) -> usize {
        let Ok(bytes) = rmp_serde::to_vec_named(&**value) else {
            return 0;
        };
        let done: Result<(), Error> = self
            .0
            .set(prefixed(key), &bytes[..], Some(ttl()), None, false)
            .await;
        usize::from(done.is_ok())
    }

    async fn get_many(&self, keys: &[&str]) -> usize {
        let keys: Vec<String> = keys.iter().map(|key| prefixed(key)).collect();
        decoded(self.0.mget(keys).await)
    }

    async fn set_many(&self, entries: &[(&str, &Arc<Profile>)]) -> usize {
        let pipeline = self.0.pipeline();
        for (key, value) in entries {
            let Ok(bytes) = rmp_serde::to_vec_named(&***value) else {
                return 0;
            };
            let queued: Result<(), Error> = pipeline
                .set(prefixed(key), &bytes[..], Some(ttl()), None, false)
                .await;
            if queued.is_err() {
                return 0;
            }
        }
        let done: Result<Vec<String>, Error> = pipeline.all().await;
        done.map_or(0, |replies| replies.len())
    }
}

fn decoded(reply: Result<Vec<Option<fred::bytes::Bytes>>, Error>) -> usize {
    let found: Vec<Profile> = reply
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|bytes| rmp_serde::from_slice(&bytes).ok())
        .collect();
    black_box(found).len()
}

fn prefixed(key: &str) -> String {
    format!("fred:{key}")
}

fn ttl() -> Expiration {
    Expiration::PX(i64::try_from(TTL.as_millis()).unwrap_or(i64::MAX))
}
