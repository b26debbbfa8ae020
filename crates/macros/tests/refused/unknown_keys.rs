use larder_macros::Cacheable;

#[derive(Cacheable)]
#[cacheable(crate = "larder_cache_core", version = 2)]
struct OnType;

#[derive(Cacheable)]
#[cacheable(crate = "larder_cache_core")]
struct OnField {
    #[cacheable(skip)]
    id: u32,
}

#[derive(Cacheable)]
#[cacheable(crate = "larder_cache_core")]
enum OnVariant {
    #[cacheable(shape = "one")]
    One,
}

fn main() {}
