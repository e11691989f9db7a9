// Loaded before every entry point, so that the driver is chosen before Dawn looks for one.
import { chooseVulkanDriver } from './vulkan.ts';

chooseVulkanDriver(process.env);
