use larder_macros::Cacheable;

#[derive(Cacheable)]
#[cacheable(crate = "larder_cache_core")]
union Number {
    small: u32,
    large: u64,
}

fn main() {}
