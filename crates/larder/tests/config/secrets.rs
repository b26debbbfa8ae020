//! No password is shown: not by `Debug` of anything, not by any error.

use larder::Config;
use larder::config::Secret;

const PASSWORD: &str = "s3cret";

fn check(shown: &str) {
    assert!(!shown.contains(PASSWORD), "{shown}");
}

#[cfg(feature = "redis")]
#[test]
fn configurations_hide_passwords() {
    for (name, value) in [
        ("REDIS_URL", "redis://:s3cret@localhost"),
        ("REDIS_URL", "redis://user:s3cret@localhost:7000/1"),
        ("REDIS_URL", "redis+unix:///run/redis.sock?pass=s3cret"),
        ("REDIS_URL", "redis+sentinel://:s3cret@a,b:1/main"),
        ("REDIS_CLUSTER_NODES", "a:1,redis://:s3cret@b:2"),
        ("REDIS_PASSWORD", "s3cret"),
    ] {
        let url = ("REDIS_URL", "redis://localhost");
        let config = Config::from_vars([url, (name, value)]).unwrap();
        let shown = format!("{config:?} {config:#?}");
        check(&shown);
        assert!(shown.contains("***"), "{shown}");
        check(&format!("{:?} {:#?}", config.builder(), config.builder()));
        let revealed = [&config.redis_url, &config.redis_password];
        let revealed = revealed.into_iter().flatten();
        let revealed = revealed
            .chain(&config.redis_cluster_nodes)
            .map(Secret::reveal);
        assert!(revealed.into_iter().any(|text| text.contains(PASSWORD)));
    }
}

#[test]
fn secrets_hide_themselves() {
    let secret = Secret::new(PASSWORD);
    check(&format!("{secret:?} {:?}", Some(vec![secret.clone()])));
    assert_eq!(secret.reveal(), PASSWORD);
}

#[test]
fn errors_hide_passwords() {
    for (name, value) in [
        ("REDIS_URL", "redis://:s3cret@"),
        ("REDIS_URL", "redis://s3cret@localhost"),
        ("REDIS_URL", "redis://:s3cret@localhost:0"),
        ("REDIS_URL", "redis://:s3cret@localhost:99999"),
        ("REDIS_URL", "redis://:s3#s3cret@localhost/x"),
        ("REDIS_CLUSTER_NODES", "redis://:s3cret"),
        ("REDIS_URL", "http://user:s3cret@localhost"),
        ("REDIS_URL", "user:s3cret@localhost"),
        ("REDIS_URL", "redis://:s3cret"),
        ("REDIS_CLUSTER_NODES", "redis://:s3cret@a:0"),
        ("REDIS_CLUSTER_NODES", "redis://:s3cret@a/1"),
        ("REDIS_CLUSTER_NODES", ":s3cret@a:1,b:2"),
        ("REDIS_CLUSTER_NODES", "a:1,user:s3cret@b:2,c"),
        ("REDIS_CLUSTER_NODES", "a:1,user:s3,cret@b:2,c:3"),
    ] {
        let error = Config::from_vars([(name, value)]).unwrap_err();
        check(&format!("{error} {error:?} {error:#?}"));
        let file = format!("{} = {value:?}", name.to_lowercase());
        let error = Config::from_toml(&file).unwrap_err();
        check(&format!("{error} {error:?}"));
        assert!(error.to_string().contains(&name.to_lowercase()), "{error}");
    }
}

/// What is no TOML is not quoted: the line that is wrong may hold the password.
#[test]
fn broken_files_hide_passwords() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("larder.toml");
    for broken in [
        "redis_password = s3cret",
        "redis_password = \"s3cret",
        "redis_password = 's3cret' x",
        "redis_url = redis://:s3cret@localhost",
        "redis_password = \"s3cret\"\nredis_password = \"s3cret\"",
        "redis_password = [\"s3cret\"]",
        "redis_password = { a = \"s3cret\" }",
        "[[namespaces]]\nname = \"a\"\n[redis_password]\ns3cret = 1",
    ] {
        let error = Config::from_toml(broken).unwrap_err();
        check(&format!("{error} {error:?}"));
        std::fs::write(&path, broken).unwrap();
        let error = Config::from_file(&path).unwrap_err();
        check(&format!("{error} {error:?}"));
    }
}

/// What the environment says goes before what the file says, passwords too.
#[cfg(feature = "redis")]
#[test]
fn the_password_goes_before_the_urls() {
    let url = ("REDIS_URL", "redis://user:other@localhost");
    let config = Config::from_vars([url, ("REDIS_PASSWORD", " s3cret ")]).unwrap();
    let password = config.redis_password.as_ref().map(Secret::reveal);
    assert_eq!(password, Some(" s3cret "), "blanks may belong to it");
    let without_url = Config::from_vars([("REDIS_PASSWORD", PASSWORD)]).unwrap();
    assert_eq!(without_url.redis_url, None);
}
