//! What tests do to a world from outside, past the trait.

use super::Memory;
use super::ec2::Image;
use super::inventory::Inventory;

impl Memory {
    /// Lists everything that exists now.
    pub fn snapshot(&self) -> Inventory {
        let mut world = self.world.borrow_mut();
        world.pass_time();
        world.inventory()
    }

    /// Puts an object into a bucket, and says whether there is such a bucket.
    pub fn add_object(&self, bucket: &str, key: &str) -> bool {
        let mut world = self.world.borrow_mut();
        world.pass_time();
        world.put_version(bucket, key, false).is_some()
    }

    /// Makes a bucket another account's, as if that had made one of this name first, with the same marks and a policy
    /// that lets everybody do everything; says whether there is such a bucket.
    pub fn give_bucket_away(&self, bucket: &str, account: &str) -> bool {
        let mut world = self.world.borrow_mut();
        let bucket = world.buckets.get_mut(bucket);
        bucket
            .map(|bucket| account.clone_into(&mut bucket.owner))
            .is_some()
    }

    /// Lists the keys in a bucket, those included that only have old versions or
    /// delete markers.
    pub fn objects(&self, bucket: &str) -> Vec<String> {
        let world = self.world.borrow();
        let bucket = world.buckets.get(bucket);
        bucket
            .map(|bucket| bucket.objects.keys().cloned().collect())
            .unwrap_or_default()
    }

    /// Publishes a newer image of a family, such as `noble-24.04-amd64`, and
    /// gives its id; an empty text where the region has none of that family.
    pub fn publish_image(&self, family: &str, day: &str) -> String {
        let mut world = self.world.borrow_mut();
        let is_it = |image: &&Image| image.region == self.region && image.name.contains(family);
        let Some(mut image) = world.images.iter().rfind(is_it).cloned() else {
            return String::new();
        };
        image.id = world.register.next_id("ami-");
        image.name.push_str(day);
        image.created = format!("{day}T06:00:00.000Z");
        let id = image.id.clone();
        world.images.push(image);
        id
    }

    /// Lets AWS run out of capacity for an instance type.
    pub fn lack_capacity(&self, instance_type: &str) {
        self.world
            .borrow_mut()
            .scarce
            .insert(instance_type.to_owned());
    }

    /// Gives AWS capacity for an instance type again.
    pub fn restore_capacity(&self, instance_type: &str) {
        self.world.borrow_mut().scarce.remove(instance_type);
    }

    /// Terminates an instance as if somebody else had done it.
    pub fn terminate_behind_our_back(&self, id: &str) {
        let mut world = self.world.borrow_mut();
        world.pass_time();
        world.terminate(id);
    }
}
