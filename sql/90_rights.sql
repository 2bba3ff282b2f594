-- Nobody but the roles that were named may execute anything of this schema.
revoke execute on all routines in schema postai from public;
