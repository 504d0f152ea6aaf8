// The charts of the dashboard, of a training in this page.
import { Chart } from '../curves/chart.js'
import type { Metric } from '../curves/lines.js'
import type { Curves } from './curves.js'

interface ChartsProps {
  readonly metrics: readonly Metric[]
  readonly curves: Curves
  readonly on: 'test' | 'validation'
}

export function Charts({ metrics, curves, on }: ChartsProps) {
  // Drawn again when there is more.
  curves.version.value
  const whole = { from: 0, to: Math.max(1, curves.steps) }
  return (
    <div class="charts">
      {metrics.map(metric => (
        <Chart
          key={metric.id}
          metric={metric}
          lines={curves.lines(metric, on)}
          whole={whole}
          named={false}
          height={220}
        />
      ))}
    </div>
  )
}
