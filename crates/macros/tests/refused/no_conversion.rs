use larder_macros::Cacheable;

#[derive(Cacheable, serde::Deserialize)]
#[cacheable(crate = "larder_cache_core")]
struct OldUser {
    name: String,
}

#[derive(Cacheable)]
#[cacheable(crate = "larder_cache_core", from(OldUser))]
struct User {
    name: String,
    age: u8,
}

fn main() {}
