const MORNING_HOUR = 8;

/** Eight in the morning, so many days from today. */
export function morningIn(days: number): number {
  const day = new Date();
  day.setDate(day.getDate() + days);
  day.setHours(MORNING_HOUR, 0, 0, 0);
  return day.getTime();
}
