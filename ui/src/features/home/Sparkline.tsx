import classes from "./Home.module.css";

const WIDTH = 120;
const HEIGHT = 26;

/** The trend of a metric, oldest on the left. The numbers stand beside it; this is for the eye. */
export function Sparkline({ values, label }: { values: number[]; label: string }) {
  if (values.length < 2) return <span className={classes.noTrend}>no history yet</span>;
  const low = Math.min(...values);
  const range = Math.max(...values) - low || 1;
  const y = (value: number) => HEIGHT - 3 - ((value - low) / range) * (HEIGHT - 6);
  const points = values.map((value, index) => `${((index / (values.length - 1)) * (WIDTH - 4) + 1).toFixed(1)},${y(value).toFixed(1)}`);
  return (
    <svg className={classes.spark} viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={`Trend of ${label.toLowerCase()}`} preserveAspectRatio="none">
      <polyline points={points.join(" ")} fill="none" stroke="currentColor" strokeWidth="1.5" strokeLinejoin="round" vectorEffect="non-scaling-stroke" />
    </svg>
  );
}
