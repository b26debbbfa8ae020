use larder_macros::Cacheable;

#[derive(Cacheable)]
#[cacheable(crate = "larder_cache_core")]
struct User<'a> {
    name: &'a str,
}

fn main() {}
