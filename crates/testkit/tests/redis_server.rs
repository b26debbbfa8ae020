//! The launcher against a real `redis-server`.

#[cfg(test)]
mod redis {
    use std::io::{Read, Write};
    use std::net::TcpStream;
    use std::path::Path;
    use std::process::{Command, Stdio};
    use std::time::{Duration, Instant};

    use larder_testkit::{RedisServer, RedisServerBuilder};

    /// Set for the child process of the test that kills one.
    const HOLD: &str = "LARDER_TESTKIT_HOLD_A_SERVER";

    fn ask(port: u16, command: &str) -> std::io::Result<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_read_timeout(Some(Duration::from_millis(300)))?;
        stream.write_all(format!("{command}\r\n").as_bytes())?;
        let mut buffer = [0; 16 * 1024];
        let length = stream.read(&mut buffer)?;
        Ok(String::from_utf8_lossy(&buffer[..length])
            .trim_end()
            .to_owned())
    }

    fn eventually(what: &str, condition: impl Fn() -> bool) {
        let started = Instant::now();
        while !condition() {
            assert!(
                started.elapsed() < Duration::from_secs(5),
                "waited 5 s for {what}"
            );
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn directory_of(port: u16) -> String {
        let reply = ask(port, "CONFIG GET dir").expect("a reply");
        reply.lines().last().expect("a directory").to_owned()
    }

    fn start(builder: RedisServerBuilder) -> RedisServer {
        builder.start().expect("a running server")
    }

    #[test]
    fn starts_and_answers() {
        let server = RedisServer::start().expect("a running server");
        assert_eq!(server.url(), format!("redis://127.0.0.1:{}", server.port()));
        assert_eq!(ask(server.port(), "PING").expect("a reply"), "+PONG");
        assert_eq!(ask(server.port(), "DEBUG SLEEP 0").expect("a reply"), "+OK");
    }

    #[test]
    fn many_start_side_by_side_on_different_ports() {
        let starts: Vec<_> = (0..8)
            .map(|_| std::thread::spawn(RedisServer::start))
            .collect();
        let servers: Vec<_> = starts
            .into_iter()
            .map(|start| start.join().expect("no panic").expect("up"))
            .collect();
        let mut ports: Vec<_> = servers.iter().map(RedisServer::port).collect();
        ports.sort_unstable();
        ports.dedup();
        assert_eq!(ports.len(), 8);
    }

    #[test]
    fn a_server_with_a_password_counts_as_up() {
        let server = start(RedisServer::builder().arg("--requirepass").arg("x"));
        let reply = ask(server.port(), "GET a").expect("a reply");
        assert!(reply.starts_with("-NOAUTH"), "{reply}");
    }

    #[test]
    fn drop_ends_the_server_and_removes_its_directory() {
        let server = start(RedisServer::builder());
        let (port, directory) = (server.port(), directory_of(server.port()));
        assert!(Path::new(&directory).exists());
        drop(server);
        assert!(ask(port, "PING").is_err());
        assert!(!Path::new(&directory).exists());
    }

    #[test]
    fn kill_is_immediate_and_restart_keeps_the_port() {
        let mut server = start(RedisServer::builder());
        let port = server.port();
        assert_eq!(ask(port, "SET a 1").expect("a reply"), "+OK");
        server.kill();
        server.kill();
        assert!(ask(port, "PING").is_err());
        assert!(server.pause().is_err(), "a dead server can't be paused");
        server.restart().expect("restarted");
        assert_eq!(server.port(), port);
        assert_eq!(
            ask(port, "GET a").expect("a reply"),
            "$-1",
            "nothing was saved"
        );
    }

    #[test]
    fn with_an_append_only_file_data_survives_the_kill() {
        let aof = ["--appendonly", "yes", "--appendfsync", "always"];
        let mut server = start(
            aof.into_iter()
                .fold(RedisServer::builder(), |b, arg| b.arg(arg)),
        );
        assert_eq!(ask(server.port(), "SET a 1").expect("a reply"), "+OK");
        server.restart().expect("restarted");
        eventually("the data to load", || {
            ask(server.port(), "GET a").is_ok_and(|reply| reply == "$1\r\n1")
        });
    }

    #[test]
    fn a_paused_server_is_silent_until_resumed() {
        let server = start(RedisServer::builder());
        server.pause().expect("paused");
        assert!(
            ask(server.port(), "PING").is_err(),
            "a stopped process must not answer"
        );
        server.resume().expect("resumed");
        assert_eq!(ask(server.port(), "PING").expect("a reply"), "+PONG");
    }

    #[test]
    fn a_paused_server_can_be_dropped() {
        let server = start(RedisServer::builder());
        let port = server.port();
        server.pause().expect("paused");
        drop(server);
        assert!(ask(port, "PING").is_err());
    }

    #[test]
    fn restart_waits_for_its_port() {
        let mut server = start(RedisServer::builder());
        server.kill();
        let holder = std::net::TcpListener::bind(("127.0.0.1", server.port())).expect("free");
        let release = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(200));
            drop(holder);
        });
        server.restart().expect("restarted");
        release.join().expect("no panic");
        assert_eq!(ask(server.port(), "PING").expect("a reply"), "+PONG");
    }

    #[test]
    fn a_failed_start_shows_the_log() {
        let error = RedisServer::builder()
            .arg("--no-such-option")
            .arg("x")
            .start();
        let text = error.expect_err("a wrong option").to_string();
        assert!(text.contains("no-such-option"), "{text}");
    }

    #[test]
    fn a_missing_binary_is_named() {
        let error = RedisServer::builder()
            .binary("/nowhere/redis-server")
            .start();
        let text = error.expect_err("no such file").to_string();
        assert!(
            text.contains("could not run /nowhere/redis-server"),
            "{text}"
        );
    }

    #[test]
    fn a_detached_server_is_stopped_by_its_run_id_only() {
        let server = RedisServer::builder()
            .start_detached()
            .expect("a running server");
        let port = server.port();
        assert!(server.is_running().expect("known"));
        let stranger = larder_testkit::DetachedRedisServer::remembered(
            port,
            "0".repeat(40),
            server.directory().to_owned(),
        );
        let refused = stranger.stop().expect_err("another server").to_string();
        assert!(refused.contains("left alone"), "{refused}");
        let directory = server.directory().to_owned();
        server.stop().expect("stopped");
        assert!(ask(port, "PING").is_err());
        assert!(!directory.exists());
    }

    #[test]
    fn the_server_ends_when_its_test_process_is_killed() {
        if std::env::var_os(HOLD).is_some() {
            return hold_a_server();
        }
        let name = "redis::the_server_ends_when_its_test_process_is_killed";
        let mut child = Command::new(std::env::current_exe().expect("this test"))
            .args(["--exact", name, "--nocapture"])
            .env(HOLD, "1")
            .stdout(Stdio::piped())
            .spawn()
            .expect("a child");
        let mut output = child.stdout.take().expect("its output");
        let text = read_until(&mut output, "dir=/", " \n");
        child.kill().expect("killed");
        child.wait().expect("reaped");
        let word = |name: &str| {
            let rest = text.split(name).nth(1).expect(name);
            rest.split_whitespace().next().expect(name).to_owned()
        };
        let port = word("port=").parse().expect("a port");
        eventually("the watchdog to end the server", || {
            ask(port, "PING").is_err()
        });
        eventually("the files to go", || !Path::new(&word("dir=")).exists());
    }

    /// What the child of the test above does until it is killed.
    fn hold_a_server() {
        let server = start(RedisServer::builder());
        println!(
            "port={} dir={} ",
            server.port(),
            directory_of(server.port())
        );
        std::thread::sleep(Duration::from_secs(60));
    }

    fn read_until(from: &mut impl Read, start: &str, end: &str) -> String {
        let mut text = String::new();
        let mut byte = [0];
        while !text
            .split(start)
            .nth(1)
            .is_some_and(|rest| rest.contains(end))
        {
            assert_eq!(
                from.read(&mut byte).expect("output"),
                1,
                "ended after {text:?}"
            );
            text.push(char::from(byte[0]));
        }
        text
    }
}
