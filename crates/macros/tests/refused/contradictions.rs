use larder_macros::Cacheable;

#[derive(Cacheable)]
#[cacheable(crate = "larder_cache_core")]
struct Both {
    #[cacheable(recursive, shape = "both-v1")]
    next: Option<Box<Both>>,
}

#[derive(Cacheable)]
#[cacheable(crate = "larder_cache_core")]
struct Skipped {
    #[serde(skip)]
    #[cacheable(shape = "skipped-v1")]
    id: u32,
}

#[derive(Cacheable)]
#[cacheable(crate = "larder_cache_core", shape = "money-v1")]
struct Money {
    #[cacheable(shape = "cents-v1")]
    cents: u32,
}

#[derive(Cacheable)]
#[cacheable(crate = "larder_cache_core")]
struct Twice {
    #[cacheable(shape = "id-v1", shape = "id-v2")]
    id: u32,
}

fn main() {}
