use larder_macros::Cacheable;

#[derive(Cacheable, serde::Deserialize)]
#[cacheable(crate = "larder_cache_core")]
struct Celsius {
    degrees: f64,
}

#[derive(Cacheable)]
#[cacheable(crate = "larder_cache_core", from(Celsius))]
struct Fahrenheit {
    degrees: f64,
}

impl From<Celsius> for Fahrenheit {
    fn from(celsius: Celsius) -> Self {
        let degrees = celsius.degrees * 1.8 + 32.0;
        Self { degrees }
    }
}

fn main() {}
