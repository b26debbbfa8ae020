use std::fmt::Write;
use std::path::Path;

pub(super) const SERVICE: &str = "larder";
const QUORUM: usize = 2;

/// Who is who in a Sentinel group: written down for each Sentinel, so that they need not find each
/// other first.
#[derive(Debug)]
pub(super) struct Group {
    /// What the data nodes announce, the master first.
    pub(super) data_ports: Vec<u16>,
    pub(super) sentinels: Vec<SentinelPlace>,
    pub(super) password: Option<String>,
    pub(super) sentinel_password: Option<String>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct SentinelPlace {
    pub(super) port: u16,
    pub(super) id: u128,
}

impl Group {
    /// The `sentinel.conf` of one Sentinel.
    pub(super) fn sentinel_conf(&self, of: usize, directory: &Path) -> String {
        let mut conf = self.own_settings(of, directory);
        let mut line = |text: String| {
            // Writing to a string can't fail.
            let _ = writeln!(conf, "sentinel {text}");
        };
        let master = self.data_ports[0];
        line(format!("monitor {SERVICE} 127.0.0.1 {master} {QUORUM}"));
        line(format!("down-after-milliseconds {SERVICE} 1000"));
        line(format!("failover-timeout {SERVICE} 3000"));
        line(format!("parallel-syncs {SERVICE} 2"));
        if let Some(password) = &self.password {
            line(format!("auth-pass {SERVICE} {}", quoted(password)));
        }
        if let Some(password) = &self.sentinel_password {
            line(format!("sentinel-pass {}", quoted(password)));
        }
        for port in &self.data_ports[1..] {
            line(format!("known-replica {SERVICE} 127.0.0.1 {port}"));
        }
        for (_, other) in self.sentinels.iter().enumerate().filter(|(n, _)| *n != of) {
            let SentinelPlace { port, id } = other;
            line(format!(
                "known-sentinel {SERVICE} 127.0.0.1 {port} {id:040x}"
            ));
        }
        conf
    }

    fn own_settings(&self, of: usize, directory: &Path) -> String {
        let SentinelPlace { port, id } = self.sentinels[of];
        let directory = quoted(&directory.to_string_lossy());
        let mut conf = format!(
            "port {port}\nbind 127.0.0.1\nprotected-mode no\ndir {directory}\n\
             pidfile redis.pid\n\
             sentinel myid {id:040x}\n"
        );
        if let Some(password) = &self.sentinel_password {
            conf.push_str(&format!("requirepass {}\n", quoted(password)));
        }
        conf
    }
}

/// As `redis.conf` wants a word with anything in it.
fn quoted(word: &str) -> String {
    format!("\"{}\"", word.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentinel_knows_master_replicas_and_the_others() {
        let place = |n: u16| SentinelPlace {
            port: 200 + n,
            id: u128::from(n),
        };
        let group = Group {
            data_ports: vec![100, 101],
            sentinels: vec![place(0), place(1)],
            password: Some(r#"a"b"#.into()),
            sentinel_password: None,
        };
        let expected = r#"port 201
bind 127.0.0.1
protected-mode no
dir "/a b"
pidfile redis.pid
sentinel myid 0000000000000000000000000000000000000001
sentinel monitor larder 127.0.0.1 100 2
sentinel down-after-milliseconds larder 1000
sentinel failover-timeout larder 3000
sentinel parallel-syncs larder 2
sentinel auth-pass larder "a\"b"
sentinel known-replica larder 127.0.0.1 101
sentinel known-sentinel larder 127.0.0.1 200 0000000000000000000000000000000000000000
"#;
        assert_eq!(group.sentinel_conf(1, Path::new("/a b")), expected);
    }
}
