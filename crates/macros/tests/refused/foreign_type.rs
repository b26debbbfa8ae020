use larder_macros::Cacheable;

struct Uuid([u8; 16]);

#[derive(Cacheable)]
#[cacheable(crate = "larder_cache_core")]
struct User {
    name: String,
    id: Option<Uuid>,
}

fn main() {}
