COMMENT ON COLUMN show.is_explicit IS '1 if the show has explicit content, 0 otherwise';
COMMENT ON COLUMN show.subscriber_count IS 'number of subscribers';
COMMENT ON COLUMN episode.number IS 'number of the episode within its season';
COMMENT ON COLUMN episode.length_minutes IS 'length of the episode in minutes';
COMMENT ON COLUMN rating.stars IS 'rating from 1 to 5';
COMMENT ON COLUMN rating.month IS 'month in which the rating was given, e.g. March';
COMMENT ON COLUMN play.day IS 'day of the week of the plays';
COMMENT ON COLUMN play.hour IS 'hour of the day, 0 to 23';
COMMENT ON COLUMN play.count IS 'number of plays in that hour';
