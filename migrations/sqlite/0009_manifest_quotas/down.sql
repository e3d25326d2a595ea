DROP INDEX oci_manifests_pushed_by;
