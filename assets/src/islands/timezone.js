// A field that says UTC without scripts says where the person is.
export default function (field) {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (zone && field.value === "UTC") field.value = zone;
}
