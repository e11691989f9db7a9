/** Starts the app in whichever host has opened the page. */
import './no-eval.ts';
import { mount } from 'svelte';
import './app.css';
import App from './App.svelte';
import { Lab } from './state/lab.svelte.ts';
import { connectToHost } from './transport/connect.ts';
import { openTrainingPort } from './worker/open-port.ts';

const target = document.getElementById('app');
if (!target) throw new Error('index.html must hold an element with the id "app"');

const lab = new Lab({ connect: connectToHost, createPort: openTrainingPort });
mount(App, { target, props: { lab } });
void lab.start();
