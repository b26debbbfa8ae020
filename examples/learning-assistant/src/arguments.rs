//! The command line.

use std::path::PathBuf;

use clap::Parser;

use crate::traffic;

const ENVIRONMENT: &str = "\
The cache is configured by the environment, and lives in this process unless there is
  REDIS_URL=redis://[[user]:password@]host[:port]";

/// A learning service over SQLite that reads through Larder, and a crowd of clients
#[derive(Clone, Debug, Parser)]
#[command(version, after_help = ENVIRONMENT)]
pub struct Arguments {
    /// The SQLite file; filled with sample rows where there is none yet
    /// [default: learning-assistant.sqlite in the directory for temporary files]
    #[arg(long, value_name = "PATH")]
    pub database: Option<PathBuf>,

    /// The port of the service on 127.0.0.1; 0: any that is free
    #[arg(long, default_value_t = 0)]
    pub port: u16,

    /// Serve, without clients of its own
    #[arg(long)]
    pub serve_only: bool,

    /// Clients that send requests at the same time
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub clients: u32,

    /// Requests until the end [default: until Ctrl-C]
    #[arg(long, value_name = "N")]
    pub requests: Option<u64>,

    /// Send the same requests again with the L1 size that the analytics advise, and compare what
    /// they foretold with what came
    #[arg(long, requires = "requests")]
    pub check_advice: bool,

    /// Requests per second of all clients together; 0: as many as they can
    #[arg(long, value_name = "N", default_value_t = 2_500)]
    pub rate: u32,

    /// The seed of the clients' choices: the same seed, the same requests
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
}

impl Arguments {
    /// Where the database is.
    #[must_use]
    pub fn database(&self) -> PathBuf {
        let default = || std::env::temp_dir().join("learning-assistant.sqlite");
        self.database.clone().unwrap_or_else(default)
    }

    /// What the clients shall do.
    #[must_use]
    pub fn traffic(&self) -> traffic::Options {
        traffic::Options {
            clients: self.clients,
            requests: self.requests,
            rate: self.rate,
            seed: self.seed,
        }
    }
}
