import { render } from 'preact'
import './style/tokens.css'
import './style/base.css'
import './style/shell.css'
import './style/curves.css'
import './style/pages.css'
import { connect } from './live.js'
import { Shell } from './shell.js'

connect()
render(<Shell />, document.getElementById('page')!)
